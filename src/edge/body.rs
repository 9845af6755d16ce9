//! How a request's body is taken in: whole, in time, not too large, as JSON.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::{StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Answer, Code};

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// What surrounds the one item of a body, in bytes.
const ENVELOPE: usize = 4 * 1024;
/// What surrounds a game's metadata, in bytes: 64 players with the longest names.
const GAME_ENVELOPE: usize = 16 * 1024;
/// A list of events, in bytes. 256 of the longest events would be more than one request should hold in memory.
const LIST: usize = 4 * 1024 * 1024;

/// How much room a call's body needs. Kept as the data of its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// One event, summary or the like.
    Item,
    /// A game's players and metadata.
    Game,
    /// Up to 256 events.
    List,
}

impl Room {
    /// Bytes, where one item has at most `max_item`.
    #[must_use]
    pub fn bytes(self, max_item: usize) -> usize {
        match self {
            Self::Item => max_item.saturating_add(ENVELOPE),
            Self::Game => max_item.saturating_add(GAME_ENVELOPE),
            Self::List => LIST.max(max_item.saturating_add(ENVELOPE)),
        }
    }
}

/// A body that has arrived.
#[derive(Debug, Clone, Default)]
pub struct Body(Bytes);

impl Body {
    /// Whether it is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.0.trim_ascii_start().starts_with(b"[")
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Reads the JSON that it is. An empty body counts as `{}`.
    ///
    /// # Errors
    /// `InvalidMessage`, naming the field that is not as it should be.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        let bytes = if self.0.is_empty() { b"{}" } else { self.0.as_ref() };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            // `.` is the whole; `?` is where what came is not even JSON.
            if [".", "?"].contains(&path.as_str()) {
                Answer::invalid(error.inner())
            } else {
                Answer::invalid(format!("{path}: {}", error.inner()))
            }
        })?;
        reader.end().map_err(Answer::invalid)?;
        Ok(value)
    }
}

impl FromRequest for Body {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(req.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}

/// Takes a request's body in, for a handler to have as [`Body`].
///
/// # Errors
/// 408 where it takes too long, 413 where it is too large, 415 where it is compressed, 400 where it breaks off.
pub async fn take_in(req: &mut ServiceRequest, max_item: usize) -> Result<(), Answer> {
    let room = req.app_data::<Room>().copied().unwrap_or(Room::Item).bytes(max_item);
    if let Some(coding) = req.headers().get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let answer = Answer::invalid("Content-Encoding: a compressed body is not taken");
        return Err(answer.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let announced = req.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|announced: u64| announced > room as u64) {
        return Err(too_large(room));
    }
    let body = timeout(ARRIVAL, whole(req.take_payload(), room)).await.unwrap_or_else(|_| {
        let answer = Answer::new(Code::Timeout, "the body took too long to arrive");
        Err(answer.with_status(StatusCode::REQUEST_TIMEOUT))
    })?;
    req.extensions_mut().insert(Body(body));
    Ok(())
}

async fn whole(
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    room: usize,
) -> Result<Bytes, Answer> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Answer::invalid("the body broke off"))?;
        if body.len() + chunk.len() > room {
            return Err(too_large(room));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(room: usize) -> Answer {
    Answer::new(Code::TooLarge, format!("the body has more than {room} bytes"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        inner: Vec<u8>,
    }

    fn read(text: &'static str) -> Result<Outer, String> {
        Body(Bytes::from_static(text.as_bytes())).json().map_err(|answer| answer.message)
    }

    #[test]
    fn an_error_names_the_field() {
        assert!(read(r#"{"inner":[1,"x"]}"#).unwrap_err().starts_with("inner[1]: invalid type: string \"x\""));
        assert!(read("{}").unwrap_err().starts_with("missing field `inner`"));
        assert!(read("").unwrap_err().starts_with("missing field `inner`"));
        assert!(read("nope").unwrap_err().starts_with("expected ident"));
        assert!(read(r#"{"inner":[]} {}"#).unwrap_err().starts_with("trailing characters"));
        assert!(read(r#"{"inner":[1]}"#).is_ok());
    }

    #[test]
    fn a_list_has_more_room_than_an_item() {
        assert_eq!(Room::Item.bytes(65_536), 69_632);
        assert_eq!(Room::List.bytes(65_536), 4 << 20);
        assert_eq!(Room::List.bytes(8 << 20), (8 << 20) + 4_096);
    }
}
