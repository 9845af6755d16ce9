//! What every durable tier does, as claims: each one a test of its own for each tier.
//!
//! Nothing here knows how a tier works, only what [`DurableStore`] promises.

pub(super) mod appends;
pub(super) mod clocks;
pub(super) mod histories;
pub(super) mod loading;
mod model;
pub(super) mod pruning;
pub(super) mod removal;
pub(super) mod repeats;
pub(super) mod seats;
pub(super) mod table;
pub(super) mod together;

use super::DurableStore;

/// A database of a tier, which can be opened more than once.
pub(super) trait Tier: Sized + Send + Sync + 'static {
    type Store: DurableStore;

    /// Makes an empty database.
    async fn fresh() -> Self;

    /// Opens the database, as one more node would.
    async fn open(&self) -> Self::Store;
}

/// Makes a test of every claim, for one tier.
macro_rules! every_claim {
    ($tier:ident) => {
        $crate::store::conformance::every_claim! { $tier;
            appends: a_game_is_created_once, a_game_comes_back_as_it_was, events_come_back_in_order,
                payloads_keep_every_byte, a_stale_append_loses_only_its_own_part_of_the_batch,
                an_append_to_another_life_is_stale, an_append_to_no_game_is_stale,
                writes_of_one_batch_build_on_each_other, the_time_of_the_last_change_only_moves_forward,
                an_append_of_nothing_changes_nothing;
            clocks: clocks_are_kept_with_the_event_that_changed_them, an_append_on_old_clocks_writes_nothing,
                an_append_that_is_not_written_leaves_the_clocks_alone, an_event_that_ends_no_turn_leaves_the_clocks_alone,
                clocks_change_without_an_event, a_change_of_the_game_changes_its_time_control,
                service_is_vouched_for_until_the_clocks_change, two_nodes_changing_clocks_at_once_lose_no_change,
                a_repeat_is_found_without_writing_anything;
            repeats: a_repeat_is_answered_with_its_original, a_repeat_keeps_its_whole_append_from_being_written,
                a_repeat_of_a_pruned_event_is_still_known,
                a_repeat_that_comes_alone_is_known_before_and_after_its_original_was_pruned, a_repeat_within_a_batch_is_found,
                a_ref_belongs_to_its_user_and_its_game, a_stale_append_is_stale_even_if_it_repeats;
            loading: a_tail_holds_the_newest_events, a_tail_starts_at_the_floor,
                the_head_survives_when_everything_was_pruned, games_come_in_the_order_asked_for,
                a_page_continues_where_the_one_before_ended, a_page_of_large_events_ends_early_but_is_never_empty,
                a_page_starts_above_the_floor,
                a_session_is_found_by_its_id, where_games_stand_is_said_in_the_order_asked_for;
            seats: a_seat_comes_back_as_it_was, a_seat_replaces_the_users_one_before,
                a_seat_taken_on_an_old_version_is_stale,
                a_seat_taken_where_more_is_pruned_than_known_is_stale, a_change_of_the_game_counts_as_one_of_its_seats,
                a_summary_is_kept_for_its_own_life, marks_only_move_forward,
                marks_of_a_session_that_is_gone_are_passed_over;
            pruning: a_floor_removes_events_up_to_and_with_it, a_floor_that_no_longer_fits_is_passed_over;
            removal: a_session_is_revoked_once, the_latest_revocations_are_listed, revoking_a_user_reaches_every_game, a_deleted_game_leaves_nothing,
                a_seat_goes_when_its_user_is_away_and_its_token_expired, an_untouched_game_goes_with_everything,
                a_sign_of_life_keeps_a_game_even_when_its_seat_is_gone, receipts_go_when_they_are_old,
                a_large_backlog_is_removed_in_the_end;
            together: two_nodes_appending_at_once_leave_no_gaps_and_no_doubles,
                two_nodes_taking_seats_at_once_lose_none, what_one_node_wrote_the_other_reads,
                a_fresh_database_is_ready;
            histories: random_batches_do_what_a_naive_model_does;
        }
    };
    ($tier:ident; $($module:ident: $($claim:ident),+;)+) => {
        $(mod $module {
            $(
                #[tokio::test]
                async fn $claim() {
                    use $crate::store::conformance::{Tier, $module};
                    $module::$claim(&<super::$tier as Tier>::fresh().await).await;
                }
            )+
        })+
    };
}
pub(super) use every_claim;
