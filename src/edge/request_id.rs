//! The name of one request, in its response, its problem and its log lines.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_BYTES: usize = 128;

/// The name of one request: 1 to 128 bytes of `[A-Za-z0-9._:~-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's own, where it gives a sane one; else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers
            .get(X_REQUEST_ID)
            .filter(|value| is_sane(value.as_bytes()))
            .map_or_else(Self::generate, |value| Self(value.clone()))
    }

    fn generate() -> Self {
        let text = Uuid::new_v4().simple().to_string();
        Self(HeaderValue::try_from(text).expect("hexadecimal digits make a header value"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The name as a header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_sane(text: &[u8]) -> bool {
    let clean = text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:~-".contains(byte));
    (1..=MAX_BYTES).contains(&text.len()) && clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn a_sane_name_is_kept() {
        for name in ["a", "00-4bf9:2f~3.5_7", &"x".repeat(128)] {
            assert_eq!(of(name).as_str(), name);
        }
    }

    #[test]
    fn anything_else_gets_a_new_name() {
        for name in ["", "a b", "a,b", "<script>", &"x".repeat(129)] {
            assert_eq!(of(name).as_str().len(), 32, "{name}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
