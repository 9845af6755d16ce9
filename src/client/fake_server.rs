//! Just enough of a server to try the client against: in memory, one process, no permissions, and mischief on demand.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::{
    Incoming, Welcome,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// What the server does wrong, or without being asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    None,
    /// Records this event and drops its sender's connection without confirming it.
    LoseConfirmation(u64),
    /// Never shows this event to anybody but its sender.
    LoseEvent(u64),
    /// Leaves the floor at 0.
    NeverPrune,
    /// Instead of recording this event, announces a restart once and closes with 1012.
    Drain(u64),
}

/// A server that lives as long as the test's runtime.
pub struct FakeServer {
    pub url: String,
    games: Arc<Mutex<BTreeMap<String, Game>>>,
}

impl FakeServer {
    pub async fn start(mischief: Mischief) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let games = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&games);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Connection::serve(stream, Arc::clone(&shared), mischief));
            }
        });
        Self { url, games }
    }

    /// The references of everything recorded, in order.
    pub fn recorded(&self, game_id: &str) -> Vec<String> {
        self.games.lock()[game_id].events.iter().map(|event| event.reference.clone().unwrap_or_default()).collect()
    }
}

/// What a first connection is told in an empty game.
pub fn welcome(game_id: &str, user_id: &str) -> Welcome {
    let text = envelope("GAME_RESUME", &welcome_payload(game_id, user_id, &Game::default(), 0).to_string());
    let Incoming::Resume(welcome) = Incoming::parse(&text).unwrap() else { panic!("not a welcome: {text}") };
    *welcome
}

struct Game {
    events: Vec<Stored>,
    acked: BTreeMap<String, u64>,
    drained: bool,
    live: broadcast::Sender<Arc<Stored>>,
}

impl Default for Game {
    fn default() -> Self {
        let live = broadcast::Sender::new(1024);
        Self { events: Vec::new(), acked: BTreeMap::new(), drained: false, live }
    }
}

#[derive(Clone)]
struct Stored {
    sequence: u64,
    user_id: String,
    event_type: String,
    payload: String,
    reference: Option<String>,
}

impl Stored {
    fn live(&self) -> String {
        let name = &self.event_type;
        let mut fields = format!(
            r#""gameId":"g","userId":"{}","sequence":{},"{name}":{},"createdAt":1"#,
            self.user_id, self.sequence, self.payload
        );
        if let Some(reference) = &self.reference {
            fields += &format!(r#","ref":"{reference}""#);
        }
        envelope(&format!("GAME_{}", name.to_uppercase()), &format!("{{{fields}}}"))
    }

    fn replay(&self) -> String {
        let message = format!(r#"{{"type":"{}","payload":{}}}"#, self.event_type, self.payload);
        let mut fields = format!(
            r#""gameId":"g","userId":"{}","sequence":{},"message":{message},"createdAt":1"#,
            self.user_id, self.sequence
        );
        if let Some(reference) = &self.reference {
            fields += &format!(r#","ref":"{reference}""#);
        }
        envelope("GAME_REPLAY", &format!("{{{fields}}}"))
    }
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    frame_type: String,
    payload: Box<RawValue>,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

struct Connection {
    socket: WebSocketStream<TcpStream>,
    games: Arc<Mutex<BTreeMap<String, Game>>>,
    game_id: String,
    user_id: String,
    mischief: Mischief,
}

impl Connection {
    async fn serve(stream: TcpStream, games: Arc<Mutex<BTreeMap<String, Game>>>, mischief: Mischief) {
        stream.set_nodelay(true).unwrap();
        let (mut query, mut protocols) = (String::new(), String::new());
        #[expect(clippy::result_large_err, reason = "the library wants it so")]
        let accept = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            query = request.uri().query().unwrap_or_default().to_owned();
            protocols = request.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
            response.headers_mut().insert("sec-websocket-protocol", "rejoin.v1".parse().unwrap());
            Ok(response)
        };
        let Ok(socket) = accept_hdr_async(stream, accept).await else { return };
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let game_id = parameter("gameId").unwrap();
        let after = parameter("after").map(|after| after.parse().unwrap());
        let mut connection = Self { socket, games, game_id, user_id: user_of(&protocols), mischief };
        // A client that went away is no news here.
        let _ = connection.run(after).await;
    }

    async fn run(&mut self, after: Option<u64>) -> Result<(), super::tungstenite::Error> {
        let (frames, mut live) = self.join(after);
        for frame in frames {
            self.socket.send(Message::text(frame)).await?;
        }
        loop {
            tokio::select! {
                event = live.recv() => match event {
                    Ok(event) if self.is_hidden(&event) => {}
                    Ok(event) => self.socket.send(Message::text(event.live())).await?,
                    Err(_) => return Ok(()),
                },
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let said: Said = serde_json::from_str(&text).unwrap();
                        let Some(answer) = self.hear(said) else { return self.drain().await };
                        match answer.as_str() {
                            "" => {}
                            "cut" => return Ok(()),
                            text => self.socket.send(Message::text(text)).await?,
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Ok(()),
                },
            }
        }
    }

    fn is_hidden(&self, event: &Stored) -> bool {
        self.mischief == Mischief::LoseEvent(event.sequence) && event.user_id != self.user_id
    }

    fn join(&self, after: Option<u64>) -> (Vec<String>, broadcast::Receiver<Arc<Stored>>) {
        let mut games = self.games.lock();
        let game = games.entry(self.game_id.clone()).or_default();
        let acked = *game.acked.entry(self.user_id.clone()).or_default();
        let position = after.unwrap_or(0).max(acked);
        let shown = |event: &&Stored| event.sequence > position && !self.is_hidden(event);
        let replay: Vec<String> = game.events.iter().filter(shown).map(Stored::replay).collect();
        let mut payload = welcome_payload(&self.game_id, &self.user_id, game, position);
        payload["replayCount"] = json!(replay.len());
        if self.mischief == Mischief::NeverPrune {
            payload["floorSequence"] = json!(0);
        }
        let first = envelope("GAME_RESUME", &payload.to_string());
        ([first].into_iter().chain(replay).collect(), game.live.subscribe())
    }

    /// Answers one message; `None` asks for a restart.
    fn hear(&self, said: Said) -> Option<String> {
        let mut games = self.games.lock();
        let game = games.get_mut(&self.game_id).unwrap();
        match said.frame_type.as_str() {
            "ping" => Some(envelope("PONG", r#"{"serverTime":1}"#)),
            "GAME_ACK" => {
                let payload: Value = serde_json::from_str(said.payload.get()).unwrap();
                let sequence = payload["sequence"].as_u64().unwrap();
                game.acked.insert(self.user_id.clone(), sequence);
                let backlog = game.events.len() as u64 - sequence;
                let payload =
                    json!({"gameId": self.game_id, "userId": self.user_id, "sequence": sequence, "backlog": backlog});
                Some(envelope("GAME_ACK", &payload.to_string()))
            }
            _ => self.record(game, said),
        }
    }

    fn record(&self, game: &mut Game, said: Said) -> Option<String> {
        let known = game.events.iter().find(|event| event.user_id == self.user_id && event.reference == said.reference);
        if let Some(known) = known {
            return Some(known.live());
        }
        let sequence = game.events.len() as u64 + 1;
        if self.mischief == Mischief::Drain(sequence) && !game.drained {
            game.drained = true;
            return None;
        }
        let event = Stored {
            sequence,
            user_id: self.user_id.clone(),
            event_type: said.frame_type,
            payload: said.payload.get().to_owned(),
            reference: said.reference,
        };
        game.events.push(event.clone());
        let _ = game.live.send(Arc::new(event));
        let answer = if self.mischief == Mischief::LoseConfirmation(sequence) { "cut" } else { "" };
        Some(answer.to_owned())
    }

    async fn drain(&mut self) -> Result<(), super::tungstenite::Error> {
        self.socket.send(Message::text(envelope("DRAINING", r#"{"reconnectAfterMs":30}"#))).await?;
        self.socket.close(Some(CloseFrame { code: CloseCode::Restart, reason: "Service restart".into() })).await
    }
}

fn welcome_payload(game_id: &str, user_id: &str, game: &Game, position: u64) -> Value {
    let players: Vec<Value> = game
        .acked
        .iter()
        .map(|(user_id, acked)| json!({"userId": user_id, "online": true, "lastAckSequence": acked}))
        .collect();
    json!({
        "gameId": game_id, "userId": user_id, "role": "player", "sessionId": "s", "token": format!("seat.{user_id}"),
        "issuedAt": 1, "expiresAt": 2, "lastSequence": position, "headSequence": game.events.len(),
        "floorSequence": game.acked.values().min().copied().unwrap_or(0), "epoch": "e1", "resumed": position > 0,
        "recovered": true, "replayCount": 0, "heartbeatIntervalMs": 10000, "maxMessageBytes": 65536, "serverTime": 1,
        "players": players,
    })
}

fn envelope(frame_type: &str, payload: &str) -> String {
    format!(r#"{{"type":"{frame_type}","payload":{payload},"timestamp":"2026-01-02T03:04:05.678Z","senderId":null}}"#)
}

/// Believes every token.
fn user_of(protocols: &str) -> String {
    let (_, credential) = protocols.split_once(", ").unwrap();
    if let Some(user_id) = credential.strip_prefix("resume.seat.") {
        return user_id.to_owned();
    }
    let claims = URL_SAFE_NO_PAD.decode(credential.split('.').nth(2).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}
