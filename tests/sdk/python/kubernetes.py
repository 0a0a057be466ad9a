"""Checks manifests against the schemas of Kubernetes: arguments are files with lists of objects, in JSON."""

import json
import sys

import kubernetes_validate

# Every version that is supported at the time, and the oldest one that the provisioner's types are of.
VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]


def main() -> int:
    checked = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            parts = json.load(file)
        for part in parts:
            for version in VERSIONS:
                used = kubernetes_validate.validate(part, version, strict=True)
                if used != version:
                    print(f"{name}: there is no schema for {version}, only for {used}", file=sys.stderr)
                    return 1
                checked += 1
    # What has a field that no version knows has to be found out, or the checks above mean nothing.
    try:
        kubernetes_validate.validate({**parts[-1], "speck": {}}, VERSIONS[-1], strict=True)
    except kubernetes_validate.ValidationError:
        print(checked)
        return 0
    print("an unknown field was not found", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
