//! What is in force and where it came from, for an operator's eyes.

use serde::Serialize;

use super::Settings;
use super::connection_url::without_password;
use super::secret::MASK;
use super::source::{Given, Origin};
use super::variable::{Exposure, Variable, catalog};

const HEADINGS: [&str; 4] = ["VARIABLE", "VALUE", "FROM", "RELOADS"];

/// One variable, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// The variable.
    pub name: &'static str,
    /// Its value, secrets and passwords masked; none where it has no value.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
    /// Whether SIGHUP makes a running service take a new value.
    pub reloads: bool,
}

impl Settings {
    /// Returns every variable there is, in the order of the documentation.
    pub fn in_force(&self) -> Vec<InForce> {
        let shown = |variable: &Variable| {
            let (value, origin) = match self.effective.get(variable.name) {
                Some(Given { value, origin }) => (Some(masked(variable.exposure, value)), origin.clone()),
                None => (None, Origin::Default),
            };
            InForce { name: variable.name, value, origin, reloads: variable.reloads }
        };
        catalog().map(shown).collect()
    }
}

/// Lays variables out as a table with headings, a line each, without a line break after the last.
pub fn table(variables: &[InForce]) -> String {
    let row = |variable: &InForce| {
        let value = variable.value.clone().unwrap_or_else(|| "(not set)".to_owned());
        let reloads = if variable.reloads { "on SIGHUP" } else { "at restart" };
        [variable.name.to_owned(), value, variable.origin.to_string(), reloads.to_owned()]
    };
    let rows: Vec<_> = std::iter::once(HEADINGS.map(str::to_owned)).chain(variables.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, values, origins) = (width(0), width(1), width(2));

    let line = |[name, value, origin, reloads]: &[String; 4]| {
        format!("{name:names$}  {value:values$}  {origin:origins$}  {reloads}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn masked(exposure: Exposure, value: &str) -> String {
    match exposure {
        Exposure::Plain => value.to_owned(),
        Exposure::Url => without_password(value),
        Exposure::Secret => MASK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{FirstStart, Layers};

    const MARKER: &str = "hush-hush-hush-hush-hush-hush-hush-hush";

    fn in_production() -> Settings {
        let url = format!("postgres://rejoin:{MARKER}@db/rejoin");
        let redis = format!("redis://:{MARKER}@cache:6379");
        let values = [
            ("APP_ENV", "production"),
            ("API_TOKEN", MARKER),
            ("ACCESS_TOKEN_SECRET", MARKER),
            ("SESSION_TOKEN_SECRET", MARKER),
            ("DATABASE_URL", &url),
            ("SESSION_REDIS_URL", &redis),
        ];
        Settings::read(&Layers::of(values), FirstStart::KeepSecrets).unwrap()
    }

    #[test]
    fn nothing_shown_holds_a_secret() {
        let settings = in_production();

        let listed = settings.in_force();

        for shown in [format!("{settings:?}"), format!("{listed:?}"), table(&listed)] {
            assert!(!shown.contains("hush"), "{shown}");
            assert!(shown.contains("postgres://rejoin:********@db/rejoin"), "{shown}");
        }
    }

    #[test]
    fn each_variable_says_where_it_comes_from_and_whether_it_reloads() {
        let listed = in_production().in_force();
        let of = |name| listed.iter().find(|variable| variable.name == name).unwrap().clone();

        let default = InForce { name: "PORT", value: Some("8080".to_owned()), origin: Origin::Default, reloads: false };
        let masked =
            InForce { name: "API_TOKEN", value: Some(MASK.to_owned()), origin: Origin::Environment, reloads: true };
        let absent = InForce { name: "SESSION_REDIS_HOST", value: None, origin: Origin::Default, reloads: false };
        assert_eq!([of("PORT"), of("API_TOKEN"), of("SESSION_REDIS_HOST")], [default, masked, absent]);
    }

    #[test]
    fn the_table_is_aligned() {
        let table = table(&in_production().in_force());

        let column = table.lines().next().unwrap().find("RELOADS").unwrap();
        for line in table.lines().skip(1) {
            assert!(["on SIGHUP", "at restart"].contains(&&line[column..]), "{line}");
        }
    }
}
