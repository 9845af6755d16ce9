//! Writes JSON objects that carry payloads as the very text they came in.
//!
//! A serializer would read such a text again to know that it is JSON; here it is known.

use std::fmt::{Display, Write};

/// An object being written.
pub struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Writes an object.
pub fn object(out: &mut String, fields: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fields(&mut Object { out, empty: true });
    out.push('}');
}

impl Object<'_> {
    /// A field whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key).push_str(json);
        self
    }

    /// A number.
    pub fn number(&mut self, key: &str, number: impl Display) -> &mut Self {
        write!(self.key(key), "{number}").expect("writing to a string cannot fail");
        self
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, flag: bool) -> &mut Self {
        self.raw(key, if flag { "true" } else { "false" })
    }

    /// A text that needs no escapes: an id, a code, a time.
    pub fn plain(&mut self, key: &str, text: impl Display) -> &mut Self {
        write!(self.key(key), "\"{text}\"").expect("writing to a string cannot fail");
        self
    }

    /// A text that needs no escapes, or `null`.
    pub fn plain_or_null(&mut self, key: &str, text: Option<impl Display>) -> &mut Self {
        match text {
            Some(text) => self.plain(key, text),
            None => self.raw(key, "null"),
        }
    }

    /// Any text.
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        let escaped = serde_json::Value::from(text);
        write!(self.key(key), "{escaped}").expect("writing to a string cannot fail");
        self
    }

    /// An object within.
    pub fn object(&mut self, key: &str, fields: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        object(self.key(key), fields);
        self
    }

    /// A list of objects.
    pub fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut fields: impl FnMut(&mut Object<'_>, T),
    ) -> &mut Self {
        let out = self.key(key);
        out.push('[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            object(out, |object| fields(object, item));
        }
        out.push(']');
        self
    }

    fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_and_a_payload_stays_as_it_was() {
        let mut out = String::new();

        object(&mut out, |object| {
            object.plain("id", "g1").number("n", 7).flag("on", true).plain_or_null("user", None::<&str>);
            object.text("ref", "a\"\n\u{1}é").raw("payload", r#"{"a":1.0,"a":1e2}"#);
            object.object("in", |inner| {
                inner.number("x", 1);
            });
            object.list("list", [1, 2], |item, n| {
                item.number("n", n);
            });
        });

        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(read["ref"], "a\"\n\u{1}é");
        assert_eq!(read["list"][1]["n"], 2);
        assert!(out.contains(r#""payload":{"a":1.0,"a":1e2}"#), "{out}");
    }
}
