"""The official MCP SDK before the mesh's own server: lists its tools and does some work with them."""

import asyncio
import json
import os

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

WORKSPACE = "demo"


async def value(client, tool, **arguments):
    """What a tool returned, which must be good."""
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text
    assert not result.is_error, f"{tool}: {text}"
    return json.loads(text)


async def refused(client, tool, **arguments):
    """Why a tool did nothing."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, f"{tool}: {result}"
    return result.content[0].text


async def work(client):
    """Writes, reads and edits a file, runs commands, and lists what there is."""
    tools = sorted(tool.name for tool in (await client.list_tools()).tools)
    listed = await value(client, "list_workspaces")
    assert [workspace["name"] for workspace in listed["workspaces"]] == [WORKSPACE], listed
    templates = await value(client, "list_templates")
    assert "local" in [template["name"] for template in templates["templates"]], templates
    await value(client, "get_template", template="local")

    home = (await value(client, "workspace_bash", workspace=WORKSPACE, command="pwd"))["output"].strip()
    path = f"{home}/note.txt"
    await value(client, "workspace_write_file", workspace=WORKSPACE, path=path, content="one\ntwo\n")
    edits = [{"search": "two", "replace": "three"}]
    await value(client, "workspace_edit_files", workspace=WORKSPACE, files=[{"path": path, "edits": edits}])
    read = await value(client, "workspace_read_file", workspace=f"{WORKSPACE}.main", path=path)
    assert "three" in json.dumps(read) and "two" not in json.dumps(read), read
    names = [entry["name"] for entry in (await value(client, "workspace_ls", workspace=WORKSPACE, path=home))["entries"]]
    assert "note.txt" in names, names

    failed = await value(client, "workspace_bash", workspace=WORKSPACE, command="echo oh; exit 3")
    assert failed["exit_code"] == 3 and "oh" in failed["output"], failed
    started = await value(client, "workspace_bash", workspace=WORKSPACE, command="sleep 100", background=True)
    process = started["background_process_id"]
    await value(
        client, "workspace_process_signal", workspace=WORKSPACE, process_id=process, signal="kill"
    )
    await value(client, "workspace_list_ports", workspace=WORKSPACE)

    assert "you have demo" in await refused(client, "get_workspace", workspace="nobody")
    assert "of another user" in await refused(client, "get_workspace", workspace="somebody/demo")
    assert "has no agent `gpu`" in await refused(client, "get_workspace", workspace="demo.gpu")
    assert "do not fit the schema" in await refused(client, "workspace_bash", workspace=WORKSPACE)
    return tools


async def main():
    headers = {"Authorization": f"Bearer {os.environ['MESH_KEY']}"}
    url = f"{os.environ['MESH_URL']}/mcp"
    modes = json.loads(os.environ["MODES"])
    for mode in modes:
        transport = streamable_http_client(url, http_client=create_mcp_http_client(headers=headers))
        async with Client(transport, mode=mode) as client:
            tools = await work(client)
            print(json.dumps({"mode": mode, "protocol": str(client.protocol_version), "tools": tools}))


asyncio.run(main())
