//! JSON that goes through the service untouched: number forms, key order, duplicate keys and escapes stay as they are.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

use crate::domain::Payload;

/// Reads an object as the text it is.
///
/// # Errors
/// No object, or nested too deep.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
    Payload::from_json(<&RawValue>::deserialize(deserializer)?.get()).map_err(D::Error::custom)
}

/// Reads an object that may be absent or `null`.
///
/// # Errors
/// Something else than an object, or nested too deep.
pub fn read_optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Payload>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(deserializer)?;
    raw.map(|raw| Payload::from_json(raw.get()).map_err(D::Error::custom)).transpose()
}

/// Writes an object as the text it is.
///
/// # Errors
/// Never for a payload that was read here.
pub fn write<S: Serializer>(payload: &Payload, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(payload.as_str()).map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

/// Writes an object that may be absent.
///
/// # Errors
/// Never for a payload that was read here.
pub fn write_optional<S: Serializer>(payload: &Option<&Payload>, serializer: S) -> Result<S::Ok, S::Error> {
    match payload {
        Some(payload) => write(payload, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a text of the domain, whose own error says what it must be.
///
/// # Errors
/// No text, or not such a one.
pub fn parsed<'de, D, T, E>(deserializer: D, parse: fn(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: std::fmt::Display,
{
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Holder {
        #[serde(deserialize_with = "read", serialize_with = "write")]
        payload: Payload,
    }

    #[test]
    fn a_payload_comes_back_byte_for_byte() {
        let text =
            r#"{"payload":{"a":1.0, "b":1e2,"a":2,"c":"\u00e9\ud800","d":1234567890123456789012345678901234567890}}"#;

        let holder: Holder = serde_json::from_str(text).unwrap();

        assert_eq!(serde_json::to_string(&holder).unwrap(), text);
    }
}
