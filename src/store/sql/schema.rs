//! The tables, as diesel sees them: the same ones in every SQL database.

diesel::table! {
    game (id) {
        id -> Text,
        epoch -> Text,
        head -> BigInt,
        floor -> BigInt,
        seats_version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        open -> Nullable<Bool>,
        summary_sequence -> Nullable<BigInt>,
        players -> Text,
        metadata -> Nullable<Text>,
        summary -> Nullable<Text>,
        time_control -> Nullable<Text>,
        clock -> Nullable<Text>,
        clock_version -> BigInt,
        clock_served_until -> BigInt,
    }
}

diesel::table! {
    game_session (id) {
        id -> Text,
        game_id -> Text,
        user_id -> Text,
        last_ack_sequence -> BigInt,
        proven_generation -> BigInt,
        issued_generation -> BigInt,
        last_heartbeat_at -> BigInt,
        issued_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        metadata -> Nullable<Text>,
    }
}

diesel::table! {
    game_event (game_id, sequence) {
        game_id -> Text,
        sequence -> BigInt,
        #[sql_name = "type"]
        event_type -> Text,
        user_id -> Text,
        #[sql_name = "ref"]
        client_ref -> Nullable<Text>,
        payload -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    game_receipt (game_id, user_id, client_ref) {
        game_id -> Text,
        user_id -> Text,
        #[sql_name = "ref"]
        client_ref -> Text,
        sequence -> BigInt,
        #[sql_name = "type"]
        event_type -> Text,
        created_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(game, game_session, game_event, game_receipt);
