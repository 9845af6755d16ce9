//! Lets a request become a connection, or says over plain HTTP why not.
//!
//! Only what is no client's fault to learn later is refused here; everything else upgrades and closes with a code.

use std::sync::Arc;

use actix_http::ws::HandshakeError;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, WebsocketContext};
use futures_util::stream;

use super::{
    actor::Client,
    connections::TooMany,
    entry::{Entry, VERSION, may_come_from},
    outbox::Outbox,
    socket::Socket,
};
use crate::edge::{Edge, error::Answer};

/// `GET /ws/game`.
///
/// # Errors
/// 400 for what is no WebSocket request, 403 for a foreign origin, 429 and 503 for too many connections.
pub async fn open(request: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> Result<HttpResponse, Answer> {
    let edge = edge.into_inner();
    let mut response = ws::handshake_with_protocols(&request, &[VERSION]).map_err(no_handshake)?;
    let live = edge.live();
    if !may_come_from(&request, &live.settings.auth.allowed_origins) {
        return Err(Answer::foreign_origin());
    }
    if edge.is_draining() {
        return Err(Answer::draining());
    }
    let entry = Entry::read(&request, &live, &edge.clock);
    let user = entry.as_ref().ok().map(|entry| entry.user_id().clone());
    let socket = request.conn_data::<Arc<Socket>>().cloned();
    let address = request.peer_addr().map(|address| address.ip());
    let queue = Outbox::new(live.settings.limits.ws_send_queue.get(), socket, edge.clock.clone());
    let admission = edge.connections.admit(address, user, &queue.0).map_err(|too_many| {
        edge.ws.over_connections.inc();
        match too_many {
            TooMany::OfNode => Answer::out_of_capacity(too_many),
            TooMany::OfAddress | TooMany::OfUser => Answer::too_many_connections(too_many),
        }
    })?;
    let client = Client::new(edge, live, admission, entry, queue, payload);
    // The library would read all that arrives into memory: its input stays empty, ours is attached by the actor.
    let (_, output) = WebsocketContext::create_with_addr(client, stream::pending());
    Ok(response.streaming(output))
}

fn no_handshake(error: HandshakeError) -> Answer {
    Answer::no_websocket(error)
}
