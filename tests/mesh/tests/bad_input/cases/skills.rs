//! Skills of users, and what users want of all of their chats.

use serde_json::json;
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const SKILLS: &str = "/api/v1/skills";
const SETTINGS: &str = "/api/v1/settings/user";

pub(super) fn all(world: &World) -> Vec<Case> {
    let cases = [contents(), references(), settings()].into_iter().flatten();
    cases.map(|case| case.token(&world.member)).chain(callers()).collect()
}

fn contents() -> Vec<Case> {
    let skill = |name, content: &str| Case::post(name, SKILLS, &json!({ "content": content }));
    let good = "---\nname: deploy\ndescription: d\n---\n";
    vec![
        skill("skill without content", "").violates("content", "its first line must be `---`"),
        skill("skill that is a text", "# Deploy").violates("content", "has no frontmatter"),
        skill("skill whose frontmatter does not end", "---\nname: deploy\n").violates("content", "without an end"),
        skill("skill whose frontmatter is no YAML", "---\nname: a: b\n---\n").violates("content", "not valid YAML"),
        skill("skill without a name", "---\ndescription: d\n---\n").violates("content", "must have a `name`"),
        skill("skill with an alias for a name", "---\nname: personal/a\ndescription: d\n---\n")
            .violates("content", "lowercase words joined by hyphens"),
        skill("skill without a description", "---\nname: deploy\n---\n")
            .violates("content", "must have a `description`"),
        skill("over-long skill", &format!("{good}{}", "x".repeat(64 * 1024)))
            .violates("content", "must have at most 65536 bytes"),
        Case::post("skill with a bad request_id", SKILLS, &json!({"content": good, "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        Case::post("skill with an identifier of its own", SKILLS, &json!({"content": good, "id": NOBODY}))
            .violates("id", "is no field of the message"),
    ]
}

fn references() -> Vec<Case> {
    let missing = |case: Case, name: &str| case.expect(404, Code::NotFound, format!("skill `{name}` not found"));
    let content = json!({"content": "---\nname: deploy\ndescription: d\n---\n"});
    let unknown = format!("{SKILLS}/{NOBODY}");
    vec![
        missing(Case::get("skill of an unknown name", format!("{SKILLS}/nothing")), "nothing"),
        missing(Case::get("skill of an unknown identifier", &unknown), NOBODY),
        missing(Case::get("skill of a name that none can have", format!("{SKILLS}/Not_A_Name")), "Not_A_Name"),
        missing(Case::patch("change of an unknown skill", &unknown, &content), NOBODY),
        missing(Case::delete("deletion of an unknown skill", &unknown), NOBODY),
        Case::get("garbage page_token of skills", format!("{SKILLS}?page_token=garbage"))
            .violates("page_token", "is not a token of this list"),
        Case::get("negative page_size of skills", format!("{SKILLS}?page_size=-1"))
            .violates("page_size", "must not be negative"),
    ]
}

fn settings() -> Vec<Case> {
    vec![
        Case::patch("over-long instructions of a user", SETTINGS, &json!({"custom_prompt": "x".repeat(32 * 1024 + 1)}))
            .violates("custom_prompt", "must have at most 32768 bytes"),
        Case::patch("instructions of a user with NUL", SETTINGS, &json!({"custom_prompt": "a\u{0}b"}))
            .violates("custom_prompt", "no NUL"),
    ]
}

fn callers() -> Vec<Case> {
    let anonymous = |case: Case| case.expect(401, Code::Unauthenticated, "");
    vec![anonymous(Case::get("skills for nobody", SKILLS)), anonymous(Case::get("settings for nobody", SETTINGS))]
}
