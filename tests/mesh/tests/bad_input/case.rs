//! One row of the table.

use serde_json::Value;
use tonic::Code;

use crate::raw::RawAnswer;

/// A request and what must come back.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    method: &'static str,
    target: String,
    headers: Vec<String>,
    body: Option<(&'static str, Vec<u8>)>,
    status: u16,
    code: Code,
    message: String,
    field: Option<String>,
}

impl Case {
    /// A request without a body.
    pub(crate) fn new(name: &'static str, method: &'static str, target: impl Into<String>) -> Self {
        Self {
            name,
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
            status: 0,
            code: Code::Ok,
            message: String::new(),
            field: None,
        }
    }

    /// A `GET`.
    pub(crate) fn get(name: &'static str, target: impl Into<String>) -> Self {
        Self::new(name, "GET", target)
    }

    /// A `DELETE`.
    pub(crate) fn delete(name: &'static str, target: impl Into<String>) -> Self {
        Self::new(name, "DELETE", target)
    }

    /// A `POST` of JSON.
    pub(crate) fn post(name: &'static str, target: impl Into<String>, body: &Value) -> Self {
        Self::new(name, "POST", target).body(body.to_string())
    }

    /// Adds a header line.
    pub(crate) fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Sends a token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header(format!("Authorization: Bearer {token}"))
    }

    /// A `PATCH` with JSON.
    pub(crate) fn patch(name: &'static str, target: impl Into<String>, body: &Value) -> Self {
        Self::new(name, "PATCH", target).body(body.to_string())
    }

    /// Sends these bytes as JSON.
    pub(crate) fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.typed_body("application/json", bytes)
    }

    /// Sends these bytes as what they are said to be; as nothing in particular where that is empty.
    pub(crate) fn typed_body(mut self, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type, bytes.into()));
        self
    }

    /// What must come back.
    pub(crate) fn expect(mut self, status: u16, code: Code, message: impl Into<String>) -> Self {
        (self.status, self.code, self.message) = (status, code, message.into());
        self
    }

    /// 400 with INVALID_ARGUMENT and a violation of this field.
    pub(crate) fn violates(self, field: &str, message: impl Into<String>) -> Self {
        let mut case = self.expect(400, Code::InvalidArgument, message);
        case.field = Some(field.to_owned());
        case
    }

    /// The request as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n", self.method, self.target);
        for header in &self.headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        let Some((content_type, body)) = &self.body else {
            return format!("{head}\r\n").into_bytes();
        };
        if !content_type.is_empty() {
            head.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        [head.as_bytes(), body].concat()
    }

    /// Everything that is wrong with an answer.
    pub(crate) fn check(&self, answer: &RawAnswer) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut require = |right: bool, what: String| {
            if !right {
                wrong.push(what);
            }
        };
        let body = &answer.body;
        require(answer.status == self.status, format!("status {} instead of {}", answer.status, self.status));
        if self.status == 200 {
            return wrong;
        }
        let message = body["message"].as_str().unwrap_or_default();
        let code = i64::from(i32::from(self.code));
        require(body["code"] == code, format!("code {} instead of {code}", body["code"]));
        require(!message.is_empty(), "no message".to_owned());
        require(message.contains(&self.message), format!("`{message}` does not say `{}`", self.message));
        require(body["details"].is_array(), format!("details are {}", body["details"]));
        require(answer.head.contains("content-type: application/json"), format!("no JSON: {}", answer.head));
        if let Some(field) = &self.field {
            let fields = violated_fields(body);
            require(fields.contains(&field.as_str()), format!("violations of {fields:?}, none of `{field}`"));
        }
        wrong
    }
}

fn violated_fields(body: &Value) -> Vec<&str> {
    let details = body["details"].as_array().into_iter().flatten();
    let violations = details.filter_map(|detail| detail["field_violations"].as_array()).flatten();
    violations.filter_map(|violation| violation["field"].as_str()).collect()
}
