//! What `rejoin` does besides serving: one file a command. The command line itself is `main`'s.

pub mod gate;
pub mod health;
pub mod load;
pub mod smoke;
pub mod token;
pub mod top;
pub mod uat;

mod exposition;
mod moment;
mod plot;
mod status_line;

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::{gate::GateOptions, smoke::SmokeOptions, token::TokenOptions, top::TopOptions, uat::UatOptions};

    #[derive(Debug, Parser)]
    enum Line {
        Gate(GateOptions),
        Smoke(SmokeOptions),
        Token(TokenOptions),
        Top(TopOptions),
        Uat(UatOptions),
    }

    #[test]
    fn a_bare_smoke_plays_all_six_games_on_this_machine() {
        let Ok(Line::Smoke(options)) = Line::try_parse_from(["rejoin", "smoke"]) else { panic!("not smoke") };

        assert_eq!((options.url.as_str(), options.games, options.timeout), ("http://127.0.0.1:8080", 6, 120));
    }

    #[test]
    fn a_token_needs_a_user() {
        let error = Line::try_parse_from(["rejoin", "token", "--role", "spectator"]).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn a_bare_gate_watches_for_as_long_as_the_rollout_plan_wants() {
        let line = ["rejoin", "gate", "--prometheus", "http://127.0.0.1:9090"];
        let Ok(Line::Gate(options)) = Line::try_parse_from(line) else { panic!("not gate") };

        assert_eq!((options.watch_for.as_secs(), options.every.as_secs()), (2700, 15));
        assert_eq!((options.report.to_str(), options.allow_no_data), (Some("gate-report.md"), false));
    }

    #[test]
    fn a_gate_without_an_address_or_with_a_bad_span_is_refused() {
        for line in [
            vec!["rejoin", "gate"],
            vec!["rejoin", "gate", "--prometheus", "https://prometheus"],
            vec!["rejoin", "gate", "--prometheus", "http://prometheus", "--for", "soon"],
            vec!["rejoin", "gate", "--prometheus", "http://prometheus", "--every", "10ms"],
        ] {
            assert_eq!(Line::try_parse_from(&line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn top_and_uat_find_a_server_on_this_machine() {
        let Ok(Line::Top(top)) = Line::try_parse_from(["rejoin", "top"]) else { panic!("not top") };
        let Ok(Line::Uat(uat)) = Line::try_parse_from(["rejoin", "uat"]) else { panic!("not uat") };

        assert_eq!((top.url.as_str(), top.once), ("http://127.0.0.1:8081", false));
        assert_eq!((uat.url.as_str(), uat.admin_url), ("http://127.0.0.1:8080", None));
    }

    #[test]
    fn help_says_what_a_command_is_for() {
        let help = Line::try_parse_from(["rejoin", "smoke", "--help"]).unwrap_err().to_string();

        assert!(help.starts_with("Play the six games"), "{help}");
    }
}
