//! The way from a TCP connection to a WebSocket.
//!
//! By hand rather than by the library, so that frames can travel in the handshake's packet, so that a refusal keeps its
//! body, and so that an answer without a subprotocol is the caller's to judge.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    ClientError, Dial,
    tungstenite::{
        handshake::{
            client::{Response, generate_request},
            derive_accept_key,
            machine::TryParse,
        },
        http::{HeaderMap, Uri, header},
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

/// A connection whose next bytes are frames.
pub(super) struct Opened {
    pub stream: TcpStream,
    /// Frames that came along with the answer.
    pub read_ahead: Vec<u8>,
    pub protocol: Option<String>,
}

/// Dials and upgrades. The caller sets the deadline.
pub(super) async fn open(dial: &Dial) -> Result<Opened, ClientError> {
    let request = dial.request()?;
    let (host, port) = address(request.uri()).ok_or_else(|| dial.unusable("no host"))?;
    let (mut opening, key) = generate_request(request).map_err(|error| dial.unusable(error))?;
    for text in &dial.early {
        append_frame(&mut opening, text);
    }

    let mut stream = TcpStream::connect((host.as_str(), port)).await.map_err(|source| unreachable(dial, source))?;
    stream.set_nodelay(true).map_err(|source| unreachable(dial, source))?;
    stream.write_all(&opening).await.map_err(|source| unreachable(dial, source))?;
    let (response, read_ahead) = read_response(dial, &mut stream).await?;

    if response.status() != 101 {
        return Err(refused(&response, read_ahead, stream).await);
    }
    if text_of(response.headers(), header::SEC_WEBSOCKET_ACCEPT) != Some(&derive_accept_key(key.as_bytes())) {
        return Err(ClientError::Handshake { reason: "wrong Sec-WebSocket-Accept".into() });
    }
    let protocol = text_of(response.headers(), header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned);
    Ok(Opened { stream, read_ahead, protocol })
}

fn address(uri: &Uri) -> Option<(String, u16)> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), uri.port_u16().unwrap_or(80)))
}

fn append_frame(bytes: &mut Vec<u8>, text: &str) {
    let mut frame = Frame::message(text.as_bytes().to_vec(), OpCode::Data(Data::Text), true);
    frame.header_mut().mask = Some(EARLY_MASK);
    frame.format(bytes).expect("writing into a Vec never fails");
}

async fn read_response(dial: &Dial, stream: &mut TcpStream) -> Result<(Response, Vec<u8>), ClientError> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.map_err(|source| unreachable(dial, source))? == 0 {
            return Err(unreachable(dial, io::ErrorKind::UnexpectedEof.into()));
        }
        match Response::try_parse(&bytes) {
            Ok(Some((length, response))) => return Ok((response, bytes.split_off(length))),
            Ok(None) if bytes.len() < MAX_ANSWER_BYTES => {}
            Ok(None) => return Err(ClientError::Handshake { reason: "the answer's head never ends".into() }),
            Err(error) => return Err(ClientError::Handshake { reason: error.to_string() }),
        }
    }
}

async fn refused(response: &Response, mut body: Vec<u8>, mut stream: TcpStream) -> ClientError {
    let number = |name| text_of(response.headers(), name).and_then(|text| text.parse::<u64>().ok());
    let length = number(header::CONTENT_LENGTH)
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0)
        .min(MAX_ANSWER_BYTES);
    while body.len() < length {
        // A body cut short is still worth showing.
        if !matches!(stream.read_buf(&mut body).await, Ok(1..)) {
            break;
        }
    }
    ClientError::UpgradeRefused {
        status: response.status().as_u16(),
        retry_after: number(header::RETRY_AFTER).map(Duration::from_secs),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn unreachable(dial: &Dial, source: io::Error) -> ClientError {
    ClientError::Unreachable { url: dial.url.clone(), source }
}

/// Any mask is as good as another here: it guards proxies against pages, and this is no page.
const EARLY_MASK: [u8; 4] = [0x52, 0x6a, 0x6f, 0x31];
const MAX_ANSWER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::net::TcpListener;
    use tokio_tungstenite::WebSocketStream;

    use super::*;
    use crate::client::{Ending, Link, tungstenite::protocol::Role};

    /// Takes one connection, reads the request's head, and answers with what `answer` makes of the key.
    async fn answering(listener: TcpListener, answer: impl Fn(&str) -> String) -> (TcpStream, Vec<u8>) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let end = loop {
            stream.read_buf(&mut bytes).await.unwrap();
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let tail = bytes.split_off(end);
        let head = String::from_utf8(bytes).unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        stream.write_all(answer(key).as_bytes()).await.unwrap();
        (stream, tail)
    }

    async fn listening() -> (TcpListener, Dial) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dial = Dial::new(format!("http://{}", listener.local_addr().unwrap()), "g");
        (listener, dial)
    }

    fn accepted(key: &str) -> String {
        let accept = derive_accept_key(key.as_bytes());
        format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    }

    #[tokio::test]
    async fn frames_next_to_the_handshake_are_lost_in_neither_direction() {
        let (listener, mut dial) = listening().await;
        dial.early = vec!["early".into()];
        let greeting = |key: &str| accepted(key) + "\u{1}\u{2}he\0\u{1}l\0\u{1}l";
        let server = async {
            let (mut stream, tail) = answering(listener, greeting).await;
            stream.write_all(b"\x80\x01o").await.unwrap();
            WebSocketStream::from_partially_read(stream, tail, Role::Server, None).await.next().await
        };

        let client = async {
            let mut link = Link::connect(&dial).await.unwrap();
            link.next_text(Duration::from_secs(5)).await.unwrap()
        };
        let (heard, said) = tokio::join!(server, client);

        assert_eq!(heard.unwrap().unwrap().into_text().unwrap(), "early");
        assert_eq!(said, "hello");
    }

    #[tokio::test]
    async fn a_close_frame_ends_a_link_with_its_code_and_reason() {
        let (listener, dial) = listening().await;
        let server = async {
            let (mut stream, _) = answering(listener, accepted).await;
            stream.write_all(b"\x88\x14\x0f\xa1Session taken over").await.unwrap();
            stream.read_buf(&mut Vec::new()).await.unwrap()
        };

        let client = async { Link::connect(&dial).await.unwrap().next_text(Duration::from_secs(5)).await };
        let (answered, ended) = tokio::join!(server, client);

        let Err(ClientError::Ended(ending)) = ended else { panic!("not ended") };
        assert_eq!(ending, Ending::Closed { code: 4001, reason: "Session taken over".into() });
        assert!(answered > 0, "the close frame went unanswered");
    }

    #[tokio::test]
    async fn a_cut_is_a_reset() {
        let (listener, dial) = listening().await;

        let (link, (mut stream, _)) = tokio::join!(Link::connect(&dial), answering(listener, accepted));
        link.unwrap().cut();

        let error = stream.read_buf(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_status_its_pause_and_its_body() {
        let (listener, dial) = listening().await;
        let refusal = |_: &str| "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 5\r\n\r\nbusy!".to_owned();

        let (result, _) = tokio::join!(Link::connect(&dial), answering(listener, refusal));

        let Err(ClientError::UpgradeRefused { status, retry_after, body }) = result else { panic!("not refused") };
        assert_eq!((status, retry_after, body.as_str()), (503, Some(Duration::from_secs(2)), "busy!"));
    }
}
