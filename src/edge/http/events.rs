//! Events of a game: recorded, read, acknowledged.

use actix_web::{http::StatusCode, web};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Answered, check_size, json};
use crate::{
    domain::{GameId, NewEvent, Sequence},
    edge::{
        Answer, Code, Edge,
        body::{Body, Room},
    },
    shard::messages::{Acknowledger, Author, Deed, Recorded, Request},
    wire::event::{AckBody, AckedBody, EventBody, EventsBody, RecordBody, RecordedBody},
};

/// Events of one request, recorded all or none.
const MAX_LIST: usize = 256;
/// Events of one answer, and how many there are where the caller names no limit.
const MAX_EVENTS: usize = 1_000;

/// `POST /v1/games/{gameId}/events`
pub async fn post(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let received = Instant::now();
    let list = body.is_list();
    let bodies = if list { read_list(&body)? } else { vec![read_one(&edge, &body)?] };
    for (index, body) in bodies.iter().enumerate() {
        let name = if list { format!("[{index}].payload") } else { "payload".to_owned() };
        check_size(&edge, &name, Some(&body.payload))?;
    }
    let events: Vec<NewEvent> = bodies.into_iter().map(NewEvent::from).collect();

    let record = |reply| Deed::Record(Request { events, by: Author::Backend(reply), received, recalled: false });
    let recorded = edge.ask(game_id.into_inner(), record).await?;

    let news = recorded.iter().any(|recorded| !recorded.repeated);
    let status = if news { StatusCode::CREATED } else { StatusCode::OK };
    let bodies: Vec<RecordedBody> = recorded.iter().map(RecordedBody::from).collect();
    match bodies.as_slice() {
        [one] if !list => Ok(json(status, one)),
        all => Ok(json(status, &all)),
    }
}

fn read_one(edge: &Edge, body: &Body) -> Result<RecordBody, Answer> {
    let room = Room::Item.bytes(edge.live().settings.limits.max_item_bytes.get());
    if body.len() > room {
        return Err(Answer::new(Code::TooLarge, format!("the body has more than {room} bytes")));
    }
    body.json()
}

fn read_list(body: &Body) -> Result<Vec<RecordBody>, Answer> {
    let bodies: Vec<RecordBody> = body.json()?;
    if (1..=MAX_LIST).contains(&bodies.len()) {
        return Ok(bodies);
    }
    Err(Answer::invalid(format!("a list has 1 to {MAX_LIST} events, this one has {}", bodies.len())))
}

/// Which events to read. Texts, because what is wrong with a number is to be told by the field's name.
#[derive(Deserialize)]
pub struct EventsQuery {
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /v1/games/{gameId}/events?after=&limit=`
pub async fn get(edge: web::Data<Edge>, game_id: web::Path<GameId>, query: web::Query<EventsQuery>) -> Answered {
    let after = Sequence::new(number("after", query.after.as_deref(), 0)?);
    let limit = number("limit", query.limit.as_deref(), MAX_EVENTS)?;
    if limit > MAX_EVENTS {
        return Err(Answer::invalid(format!("limit: at most {MAX_EVENTS}")));
    }

    let view = edge.ask(game_id.into_inner(), |reply| Deed::ReadEvents { after, limit, reply }).await?;

    let body = EventsBody {
        events: view.events.iter().map(|event| EventBody::from(&**event)).collect(),
        head_sequence: view.head,
        floor_sequence: view.floor,
        epoch: view.epoch,
        recovered: view.recovered,
    };
    Ok(json(StatusCode::OK, &body))
}

fn number<T: std::str::FromStr>(name: &str, text: Option<&str>, default: T) -> Result<T, Answer> {
    let Some(text) = text else { return Ok(default) };
    text.parse().map_err(|_| Answer::invalid(format!("{name}: expected a whole number of at least 0")))
}

/// `POST /v1/games/{gameId}/acks`
pub async fn acknowledge(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let AckBody { user_id, sequence } = body.json()?;

    let acknowledge = |reply| Deed::Acknowledge { sequence, by: Acknowledger::Backend { user_id, reply } };
    let view = edge.ask(game_id.into_inner(), acknowledge).await?;

    let body = AckedBody { sequence: view.sequence, backlog: view.backlog, floor_sequence: view.floor };
    Ok(json(StatusCode::OK, &body))
}

impl From<&Recorded> for RecordedBody {
    fn from(recorded: &Recorded) -> Self {
        Self { sequence: recorded.event.sequence, epoch: recorded.epoch, created_at: recorded.event.created_at }
    }
}
