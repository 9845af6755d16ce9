//! One game, looked at closely: where it is, who is there, and why a resume failed or lost something.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};

use super::SHARDS_ANSWER_WITHIN;
use crate::{
    domain::{Farewell, GameId, UserId},
    edge::{
        Answer, Edge,
        http::Answered,
        ws::logbook::{Happening, Visit},
    },
    shard::{
        InRedis, ShardError,
        inspecting::{ConnectionView, GameDetail, Inside, Inspection},
        messages::Source,
    },
    wire::{
        clock::TimerBody,
        close_code::Closing,
        inspection::{
            ConnectionBody, GameDetailBody, InspectionBody, MemoryBody, RedisBody, ReplayBody, SeatBody, StoreBody,
            VisitBody,
        },
    },
};

/// Comings and goings of a game that are shown.
const VISITS: usize = 16;

/// `GET /admin/games/{gameId}`
pub async fn inspect(edge: web::Data<Edge>, game_id: web::Path<GameId>) -> Answered {
    let game_id = game_id.into_inner();
    let Inspection { shard, inside, outside } = edge.shards.inspect(&game_id, SHARDS_ANSWER_WITHIN).await;
    let visits = edge.logbook.of_game(&game_id, VISITS);

    let absent_after = edge.live().settings.session.absent_player;
    let stored = outside.as_ref().ok().and_then(|outside| outside.game.as_ref());
    let stored = stored.map(|game| GameDetail::of(game, edge.clock.now(), absent_after));
    let memory = memory_body(inside.as_ref());
    let redis = redis_body(outside.as_ref().ok().map(|outside| outside.in_redis));
    let store = match (&outside, &stored) {
        (Ok(_), Some(game)) => {
            StoreBody { state: "present", head_sequence: Some(game.head), floor_sequence: Some(game.floor) }
        }
        (Ok(_), None) => StoreBody { state: "absent", ..StoreBody::default() },
        (Err(_), _) => StoreBody { state: "unavailable", ..StoreBody::default() },
    };
    let connections = inside.as_ref().map_or(&[][..], |inside| &inside.connections);
    let game = inside.as_ref().and_then(|inside| Some(&inside.resident.as_ref()?.game)).or(stored.as_ref());
    if let (Ok(_), None, [], []) = (&outside, game, connections, &visits[..]) {
        return Err(Answer::from(ShardError::NoGame));
    }
    let found = [(memory.state, "memory"), (redis.state, "redis"), (store.state, "store")];
    let body = InspectionBody {
        game_id: &game_id,
        shard,
        found_in: found.into_iter().find(|(state, _)| *state == "present").map_or("nowhere", |(_, place)| place),
        memory,
        redis,
        store,
        game: game.map(|game| game_body(game, connections)),
        connections: connections.iter().map(connection_body).collect(),
        visits: visits.iter().map(visit_body).collect(),
    };
    Ok(HttpResponse::Ok().json(body))
}

fn memory_body(inside: Option<&Inside>) -> MemoryBody {
    let nothing = |state| MemoryBody { state, ..MemoryBody::default() };
    let Some(inside) = inside else { return nothing("unavailable") };
    inside.resident.as_ref().map_or(nothing("absent"), |resident| MemoryBody {
        state: "present",
        bytes: Some(resident.bytes),
        events: Some(resident.game.head.count_after(resident.events_after)),
    })
}

fn redis_body(in_redis: Option<InRedis>) -> RedisBody {
    match in_redis {
        Some(InRedis::Unused) => RedisBody { state: "unused", events: None },
        Some(InRedis::Events(0)) => RedisBody { state: "absent", events: Some(0) },
        Some(InRedis::Events(events)) => RedisBody { state: "present", events: Some(events) },
        // What is there cannot be told from what is left of another life without the durable store.
        Some(InRedis::Unreachable) | None => RedisBody { state: "unavailable", events: None },
    }
}

fn game_body<'a>(game: &'a GameDetail, connections: &[ConnectionView]) -> GameDetailBody<'a> {
    let mut of_user: HashMap<&UserId, usize> = HashMap::new();
    connections.iter().for_each(|connection| *of_user.entry(&connection.user_id).or_default() += 1);
    let seats = game.seats.iter().map(|seat| SeatBody {
        user_id: &seat.user_id,
        named: seat.named,
        session_id: seat.session_id,
        online: seat.online,
        connections: of_user.get(&seat.user_id).copied().unwrap_or(0),
        last_ack_sequence: seat.last_ack,
        backlog: seat.backlog,
        holds_floor: seat.holds_floor,
        last_heartbeat_at: seat.last_seen_at,
        expires_at: seat.expires_at,
        revoked_at: seat.revoked_at,
    });
    GameDetailBody {
        epoch: game.epoch,
        head_sequence: game.head,
        floor_sequence: game.floor,
        open: game.open,
        summary_sequence: game.summary,
        timer: game.timer.as_ref().map(TimerBody::from),
        seats: seats.collect(),
        created_at: game.created_at,
        updated_at: game.updated_at,
    }
}

fn connection_body(connection: &ConnectionView) -> ConnectionBody<'_> {
    ConnectionBody {
        user_id: &connection.user_id,
        role: connection.role.as_str(),
        delivered_sequence: connection.delivered,
        live: connection.live,
    }
}

fn visit_body(visit: &Visit) -> VisitBody<'_> {
    let code = |why: Farewell| Closing::from(why).code;
    let (close_code, replay) = match &visit.what {
        Happening::TurnedAway(why) | Happening::Left(Some(why)) => (Some(code(*why)), None),
        Happening::Left(None) => (None, None),
        Happening::Came(coming) => (
            None,
            Some(ReplayBody {
                role: coming.role.as_str(),
                from_sequence: coming.from,
                head_sequence: coming.head,
                floor_sequence: coming.floor,
                replay_count: coming.head.count_after(coming.from),
                source: match coming.source {
                    Source::Memory => "memory",
                    Source::Redis => "redis",
                    Source::Store => "store",
                },
            }),
        ),
    };
    VisitBody {
        at: visit.at,
        user_id: visit.user_id.as_ref(),
        outcome: visit.what.outcome(),
        reason: visit.what.reason(),
        close_code,
        replay,
        explanation: visit.what.explanation(),
    }
}
