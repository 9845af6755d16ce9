//! Messages that no client should send: each has its answer, and none does any harm.

use rejoin::client::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::support::{Player, Server, closed};

fn fragment(text: &str, opcode: Data, last: bool) -> Message {
    Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(opcode), last))
}

async fn send_in_fragments(player: &mut Player, parts: &[&str]) {
    for (index, part) in parts.iter().enumerate() {
        let opcode = if index == 0 { Data::Text } else { Data::Continue };
        player.link.send_message(fragment(part, opcode, index + 1 == parts.len())).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_connection_lives_on() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let long_ref = format!(r#"{{"type":"move","payload":{{}},"ref":"{}"}}"#, "r".repeat(65));
    let texts = [
        "",
        "nonsense",
        "42",
        "null",
        r#""move""#,
        r#"["move",{}]"#,
        r#"{"type":"move""#,
        r#"{"type":"move","payload":{}} {"#,
        r#"{"payload":{}}"#,
        r#"{"type":5,"payload":{}}"#,
        r#"{"type":"","payload":{}}"#,
        r#"{"type":"Move","payload":{}}"#,
        r#"{"type":"2move","payload":{}}"#,
        r#"{"type":"mo ve","payload":{}}"#,
        r#"{"type":"a12345678901234567890123456789012","payload":{}}"#,
        r#"{"type":"move","payload":[1]}"#,
        r#"{"type":"move","payload":"e4"}"#,
        r#"{"type":"move","payload":{},"ref":7}"#,
        long_ref.as_str(),
        r#"{"type":"move","payload":{},"expect":"1"}"#,
        r#"{"type":"move","payload":{},"expect":-1}"#,
        r#"{"type":"move","payload":{},"expect":1.5}"#,
        r#"{"type":"move","payload":{},"next":7}"#,
        r#"{"type":"ack","payload":{}}"#,
        r#"{"type":"ack","payload":{"sequence":"1"}}"#,
        r#"{"type":"ack","payload":{"sequence":-1}}"#,
    ];

    for text in texts {
        assert_eq!(ann.refused(text).await.code, "invalid_message", "`{text}`");
    }
    assert_eq!(ann.play("m1").await.sequence, 1, "a refused message changes nothing");
}

#[tokio::test]
async fn a_refusal_names_the_message_it_is_about() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    let refusal = ann.refused(r#"{"type":"Move","payload":{},"ref":"r1"}"#).await;

    assert_eq!(refusal.reference.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_thousand_levels_are_refused() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let arrays = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));

    for nested in [arrays, objects] {
        let refusal = ann.refused(format!(r#"{{"type":"move","payload":{{"a":{nested}}}}}"#)).await;
        assert_eq!(refusal.code, "invalid_message");
    }
    assert_eq!(ann.play("m1").await.sequence, 1);
}

#[tokio::test]
async fn thirty_thousand_open_brackets_are_refused() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    for text in ["[".repeat(30_000), r#"{"a":"#.repeat(10_000), format!(r#"{{"type":{}"#, "[".repeat(30_000))] {
        assert_eq!(ann.refused(text).await.code, "invalid_message");
    }
}

#[tokio::test]
async fn a_binary_frame_ends_the_connection() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.link.send_binary(vec![1, 2, 3]).await.unwrap();

    assert_eq!(ann.ending().await, closed(1003, "Text frames only"));
}

#[tokio::test]
async fn a_message_in_fragments_is_put_together() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    send_in_fragments(&mut ann, &[r#"{"type":"mo"#, r#"ve","payload":"#, r#"{"a":1.0}}"#]).await;

    assert_eq!(ann.event().await.payload.get(), r#"{"a":1.0}"#);
}

#[tokio::test]
async fn a_ping_between_fragments_is_answered() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.link.send_message(fragment(r#"{"type":"move","#, Data::Text, false)).await.unwrap();
    ann.link.send_message(Message::Ping("between".into())).await.unwrap();
    ann.link.send_message(fragment(r#""payload":{}}"#, Data::Continue, true)).await.unwrap();

    let pong = loop {
        match ann.link.next_message(crate::support::SOON).await.unwrap() {
            Message::Pong(payload) => break payload,
            Message::Ping(_) => {}
            other => panic!("instead of a pong came {other:?}"),
        }
    };
    assert_eq!(&pong[..], b"between");
    assert_eq!(ann.event().await.sequence, 1);
}

#[tokio::test]
async fn a_frame_beyond_the_limit_ends_the_connection() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let limit = usize::try_from(ann.welcome.max_message_bytes).unwrap();

    ann.send("x".repeat(limit + 1)).await;

    assert_eq!(ann.ending().await, closed(1009, "Message too big"));
}

#[tokio::test]
async fn fragments_that_together_go_beyond_the_limit_end_the_connection() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let limit = usize::try_from(ann.welcome.max_message_bytes).unwrap();
    let half = "x".repeat(limit / 2 + 1);

    send_in_fragments(&mut ann, &[&half, &half]).await;

    assert_eq!(ann.ending().await, closed(1009, "Message too big"));
}

#[tokio::test]
async fn a_payload_at_the_limit_is_recorded() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let payload = format!(r#"{{"a":"{}"}}"#, "x".repeat(65_536 - 8));
    assert_eq!(payload.len(), 65_536);

    ann.send(format!(r#"{{"type":"move","payload":{payload}}}"#)).await;

    assert_eq!(ann.event().await.payload.get(), payload);
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_too_large_and_the_connection_lives_on() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let payload = format!(r#"{{"a":"{}"}}"#, "x".repeat(65_537 - 8));

    let refusal = ann.refused(format!(r#"{{"type":"move","payload":{payload},"ref":"r1"}}"#)).await;

    assert_eq!((refusal.code.as_str(), refusal.reference.as_deref()), ("too_large", Some("r1")));
    assert_eq!(ann.play("r1").await.sequence, 1);
}

#[tokio::test]
async fn messages_beyond_the_rate_are_refused_with_a_pause() {
    let server = Server::with(&[("WS_RATE_PER_SECOND", "1"), ("WS_RATE_BURST", "5")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    // The server's first ping was answered with a frame too.
    for number in 1..=6 {
        ann.send_move(&format!("m{number}")).await;
    }
    let refusal = loop {
        if let rejoin::client::Incoming::Error(refusal) = ann.next().await {
            break refusal;
        }
    };

    assert_eq!(refusal.code, "rate_limited");
    assert!((1..=1_000).contains(&refusal.retry_after_ms.unwrap()), "{refusal:?}");
}

#[tokio::test]
async fn whoever_goes_on_beyond_the_rate_is_closed() {
    let server = Server::with(&[("WS_RATE_PER_SECOND", "1"), ("WS_RATE_BURST", "5")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    for number in 1..=12 {
        // The end may come before all are sent.
        let _ = ann.link.send_text(format!(r#"{{"type":"move","payload":{{}},"ref":"m{number}"}}"#)).await;
    }

    assert_eq!(ann.ending().await, closed(1008, "Rate limited"));
}

#[tokio::test]
async fn a_refused_haste_can_be_sent_again_after_the_pause() {
    let server = Server::with(&[("WS_RATE_PER_SECOND", "5"), ("WS_RATE_BURST", "2")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    for number in 1..=3 {
        ann.send_move(&format!("m{number}")).await;
    }
    let refusal = loop {
        if let rejoin::client::Incoming::Error(refusal) = ann.next().await {
            break refusal;
        }
    };

    tokio::time::sleep(std::time::Duration::from_millis(refusal.retry_after_ms.unwrap())).await;
    let event = ann.play(&refusal.reference.unwrap()).await;

    assert!(event.sequence >= 2);
}
