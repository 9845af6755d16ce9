//! The messages a client sends.

use serde_json::json;

/// An event to be recorded. Its payload goes out byte for byte as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    event_type: String,
    payload: String,
    reference: Option<String>,
    expect: Option<u64>,
    next: Option<String>,
}

impl Outgoing {
    /// An event of this type; `payload` is the text of one JSON object, unchecked.
    pub fn event(event_type: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { event_type: event_type.into(), payload: payload.into(), reference: None, expect: None, next: None }
    }

    /// Names the event, so that sending it again is safe.
    pub fn named(self, reference: impl Into<String>) -> Self {
        Self { reference: Some(reference.into()), ..self }
    }

    /// Records it only where the head is `sequence` when its turn comes.
    pub fn expecting(self, sequence: u64) -> Self {
        Self { expect: Some(sequence), ..self }
    }

    /// Passes the clock to this user.
    pub fn passing_to(self, user_id: impl Into<String>) -> Self {
        Self { next: Some(user_id.into()), ..self }
    }

    /// What confirms it.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Returns the frame's text.
    pub fn to_text(&self) -> String {
        // By hand, because a JSON library would not promise to leave the payload's bytes alone.
        let mut text = format!(r#"{{"type":{},"payload":{}"#, json!(self.event_type), self.payload);
        if let Some(reference) = &self.reference {
            text += &format!(r#","ref":{}"#, json!(reference));
        }
        if let Some(expect) = self.expect {
            text += &format!(r#","expect":{expect}"#);
        }
        if let Some(next) = &self.next {
            text += &format!(r#","next":{}"#, json!(next));
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_sent() {
        assert_eq!(Outgoing::event("chat", r#"{"t":"hi"}"#).to_text(), r#"{"type":"chat","payload":{"t":"hi"}}"#);
    }

    #[test]
    fn the_payload_is_left_alone_and_the_rest_is_escaped() {
        let text =
            Outgoing::event("move", r#"{ "a":1.0,"a":1e2 }"#).named("r\"1").expecting(4).passing_to("bob").to_text();

        assert_eq!(text, r#"{"type":"move","payload":{ "a":1.0,"a":1e2 },"ref":"r\"1","expect":4,"next":"bob"}"#);
    }
}
