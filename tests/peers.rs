//! The dialects that `make bench-peers` speaks with Rejoin and its peers, frame by frame: the bench itself runs for a
//! quarter of an hour, and not in `make test`.

#[path = "../benches/peers/dialect/mod.rs"]
mod dialect;

use dialect::{Centrifugo, Dialect, Heard, Move, Rejoin, SocketIo};

fn hear(dialect: &mut dyn Dialect, frame: &str) -> Vec<Heard> {
    let mut heard = Vec::new();
    dialect.hear(frame, &mut heard).unwrap_or_else(|error| panic!("{frame}: {}", error.0));
    heard
}

fn refuses(dialect: &mut dyn Dialect, frame: &str) -> String {
    dialect.hear(frame, &mut Vec::new()).expect_err(frame).0
}

fn moved(number: u64) -> Heard {
    Heard::Moved(Move { number, is_last: false })
}

fn answer(text: &str) -> Heard {
    Heard::Answer(text.to_owned())
}

/// A move as a server hands it on.
fn json(number: u64) -> String {
    Move { number, is_last: false }.to_string()
}

fn rejoin_event(sequence: u64, client_ref: u64, number: u64) -> String {
    let chess_move = json(number);
    format!(
        r#"{{"type":"GAME_MOVE","payload":{{"gameId":"g","userId":"a","sequence":{sequence},"move":{chess_move},"ref":"{client_ref}","createdAt":1}},"timestamp":"t","senderId":"a"}}"#
    )
}

const REJOIN_WELCOME: &str =
    r#"{"type":"GAME_RESUME","payload":{"token":"t1","epoch":"e1","recovered":true,"replayCount":1},"senderId":null}"#;

#[test]
fn a_move_is_as_long_as_those_of_real_games_and_mate_is_the_last() {
    let last = Move { number: 100_000, is_last: true };

    assert!((75..90).contains(&last.to_string().len()), "{last}");
    assert_eq!(serde_json::from_str::<Move>(&last.to_string()).unwrap(), last);
    assert_eq!(moved(7), Heard::Moved(serde_json::from_str(&json(7)).unwrap()));
}

#[test]
fn rejoin_comes_back_with_its_token_and_its_position() {
    let mut player = Rejoin::new("g", "jwt".to_owned());
    assert_eq!((player.path(), player.protocols()), ("/ws/game?gameId=g".into(), Some("rejoin.v1, bearer.jwt".into())));

    let seated = hear(&mut player, REJOIN_WELCOME);
    let seen = hear(&mut player, &rejoin_event(1, 1, 1));

    assert_eq!((seated, seen), (vec![Heard::Seated { recovered: true }], vec![moved(1)]));
    assert_eq!(player.path(), "/ws/game?gameId=g&after=1&epoch=e1");
    assert_eq!(player.protocols().unwrap(), "rejoin.v1, resume.t1");
}

#[test]
fn rejoin_acknowledges_every_tenth_event_and_the_end_of_a_replay() {
    let mut player = Rejoin::new("g", "jwt".to_owned());
    hear(&mut player, REJOIN_WELCOME);
    let replay = format!(
        r#"{{"type":"GAME_REPLAY","payload":{{"sequence":9,"message":{{"type":"move","payload":{}}},"ref":"9"}}}}"#,
        json(9)
    );

    let replayed = hear(&mut player, &replay);
    let live = hear(&mut player, &rejoin_event(10, 10, 10));

    let ack = |sequence| answer(&format!(r#"{{"type":"GAME_ACK","payload":{{"sequence":{sequence}}}}}"#));
    assert_eq!((replayed, live), (vec![moved(9), ack(9)], vec![moved(10), ack(10)]));
}

#[test]
fn rejoin_confirms_a_move_only_by_its_own_reference_at_its_own_place() {
    let mut player = Rejoin::new("g", "jwt".to_owned());

    assert!(refuses(&mut player, &rejoin_event(2, 1, 1)).contains("event Some(2)"));
    assert!(refuses(&mut player, &rejoin_event(1, 2, 1)).contains("reference Some"));
    assert!(refuses(&mut player, r#"{"type":"ERROR","payload":{"code":"conflict"}}"#).contains("ERROR"));
}

#[test]
fn socket_io_recovers_by_its_private_id_and_its_last_offset() {
    let mut member = SocketIo::new("g");

    let opened = hear(&mut member, r#"0{"sid":"s","pingInterval":25000}"#);
    let connected = hear(&mut member, r#"40{"sid":"s1","pid":"p1"}"#);
    let event = hear(&mut member, &format!(r#"42["move",{},"1763-0"]"#, json(1)));
    let opened_again = hear(&mut member, r#"0{"sid":"s2"}"#);
    let connected_again = hear(&mut member, r#"40{"sid":"s1","pid":"p1"}"#);
    let as_a_stranger = hear(&mut member, r#"40{"sid":"s3","pid":"p2"}"#);

    assert_eq!(opened, [answer(r#"40{"game":"g"}"#)]);
    assert_eq!((connected, event), (vec![Heard::Seated { recovered: false }], vec![moved(1)]));
    assert_eq!(opened_again, [answer(r#"40{"game":"g","offset":"1763-0","pid":"p1"}"#)]);
    assert_eq!(connected_again, [Heard::Seated { recovered: true }]);
    assert_eq!(as_a_stranger, [Heard::Seated { recovered: false }]);
}

#[test]
fn socket_io_confirms_nothing_without_an_offset_of_the_stream() {
    let mut member = SocketIo::new("g");

    refuses(&mut member, &format!(r#"42["move",{}]"#, json(1)));
    refuses(&mut member, r#"44{"message":"no"}"#);
    assert_eq!(hear(&mut member, "2"), [answer("3")]);
}

#[test]
fn centrifugo_recovers_from_its_epoch_and_offset() {
    let mut member = Centrifugo::new("g");
    assert_eq!(member.opening().unwrap(), "{\"connect\":{},\"id\":1}\n{\"id\":2,\"subscribe\":{\"channel\":\"g\"}}");

    let seated = hear(
        &mut member,
        "{\"id\":1,\"connect\":{\"client\":\"c\",\"ping\":25,\"pong\":true}}\n{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"x\",\"positioned\":true}}",
    );
    let push = format!(r#"{{"push":{{"channel":"g","pub":{{"data":{},"offset":1}}}}}}"#, json(1));
    let live = hear(&mut member, &format!("{{\"id\":3,\"publish\":{{}}}}\n{push}\n{{}}"));
    let opening = member.opening().unwrap();
    let missed = format!(r#"[{{"data":{},"offset":2}},{{"data":{},"offset":3}}]"#, json(2), json(3));
    let returned = hear(
        &mut member,
        &format!(r#"{{"id":4,"subscribe":{{"epoch":"x","offset":3,"recovered":true,"publications":{missed}}}}}"#),
    );

    assert_eq!((seated, live), (vec![Heard::Seated { recovered: false }], vec![moved(1), answer("{}")]));
    assert!(opening.ends_with(r#""subscribe":{"channel":"g","epoch":"x","offset":1,"recover":true}}"#), "{opening}");
    assert_eq!(returned, [Heard::Seated { recovered: true }, moved(2), moved(3)]);
}

#[test]
fn centrifugo_tells_refusals_and_gaps_of_offsets() {
    let mut member = Centrifugo::new("g");
    hear(&mut member, r#"{"id":2,"subscribe":{"epoch":"x"}}"#);

    let gap = refuses(&mut member, &format!(r#"{{"push":{{"channel":"g","pub":{{"data":{},"offset":2}}}}}}"#, json(2)));

    assert_eq!(gap, "offset 2 comes after 0");
    refuses(&mut member, r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#);
    refuses(&mut member, r#"{"push":{"disconnect":{"code":3005,"reason":"slow"}}}"#);
}

#[test]
fn what_is_sent_carries_the_move() {
    let chess_move = Move { number: 3, is_last: false };

    assert_eq!(
        Rejoin::new("g", "jwt".to_owned()).tell(chess_move),
        format!(r#"{{"type":"move","payload":{},"ref":"3"}}"#, json(3))
    );
    assert_eq!(SocketIo::new("g").tell(chess_move), format!(r#"42["move",{}]"#, json(3)));
    assert_eq!(
        Centrifugo::new("g").tell(chess_move),
        format!(r#"{{"id":1,"publish":{{"channel":"g","data":{}}}}}"#, json(3))
    );
}
