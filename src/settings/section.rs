//! One section at a time: from text to a typed struct, with every bad value found.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;

use super::app_env::{APP_ENV, AppEnv};
use super::problem::Problem;
use super::source::{Given, Layers, Origin};
use super::variable::{BuiltIn, Variable, catalog};

/// The settings of one concern: a flat struct that `envy` fills from the variables it names.
pub(super) trait Section: DeserializeOwned {
    /// The variables its fields are read from.
    const VARIABLES: &'static [Variable];

    /// Returns the values that are good by themselves and do not go together.
    fn disagreements(&self, _app_env: AppEnv) -> Vec<Disagreement> {
        Vec::new()
    }
}

/// A value that another one makes wrong.
pub(super) struct Disagreement {
    pub name: &'static str,
    pub with: &'static str,
    /// What the value should be, to follow "expected".
    pub expected: &'static str,
}

/// The value of each variable that has one, and where it came from.
#[derive(Clone, PartialEq)]
pub(super) struct Effective(BTreeMap<&'static str, Given>);

/// Stands for a secret while another variable is looked at.
const STAND_IN: &str = "a secret of at least 32 characters";

impl Effective {
    pub(super) fn new(layers: &Layers, app_env: AppEnv) -> Self {
        let built_in =
            |variable: &Variable| Some(Given { value: variable.default_in(app_env)?, origin: Origin::Default });
        let value =
            |variable: &'static Variable| Some((variable.name, layers.find(variable).or_else(|| built_in(variable))?));
        let mut values: BTreeMap<_, _> = catalog().filter_map(value).collect();

        let chosen = layers.chosen_app_env().map_or(Origin::Default, |(_, given)| given.origin);
        values.insert(APP_ENV.name, Given { value: app_env.name().to_owned(), origin: chosen });
        Self(values)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }

    /// Returns what is in force once `given` was read while the service runs: of `given` what reloads, else of this.
    pub(super) fn reloaded(&self, given: &Self) -> Self {
        let of = |variable: &Variable| if variable.reloads { given } else { self }.get(variable.name).cloned();
        Self(catalog().filter_map(|variable| Some((variable.name, of(variable)?))).collect())
    }

    pub(super) fn insert(&mut self, name: &'static str, given: Given) {
        self.0.insert(name, given);
    }

    /// Reads one section; all its variables have been checked.
    pub(super) fn section<S: Section>(&self) -> S {
        section_of(|variable| self.value(variable)).expect("each variable was read alone, and none depends on another")
    }

    fn value(&self, variable: &Variable) -> Option<String> {
        self.get(variable.name).map(|given| given.value.clone())
    }
}

fn section_of<S: Section>(value: impl Fn(&Variable) -> Option<String>) -> Result<S, envy::Error> {
    envy::from_iter(S::VARIABLES.iter().filter_map(|variable| Some((variable.name.to_owned(), value(variable)?))))
}

/// Finds what is wrong with the variables of one section.
pub(super) fn check<S: Section>(effective: &Effective, app_env: AppEnv) -> Vec<Problem> {
    let find = |variable: &'static Variable| Some((variable.name, check_one::<S>(variable, effective, app_env)?));
    let bad: Vec<_> = S::VARIABLES.iter().filter_map(find).collect();
    let is_bad = |name| bad.iter().any(|(bad_name, _)| *bad_name == name);

    // What is wrong already is not compared with anything.
    let good_or_default = |variable: &Variable| {
        if is_bad(variable.name) { stand_in(variable) } else { effective.value(variable) }
    };
    let section: S = section_of(good_or_default).expect("defaults are good, and so is what was read alone");
    let told = section.disagreements(app_env).into_iter().filter_map(|Disagreement { name, with, expected }| {
        let variable = S::VARIABLES.iter().find(|variable| variable.name == name)?;
        let Given { value, origin } = effective.get(name)?;
        let is_news = !is_bad(name) && !is_bad(with);
        is_news.then(|| Problem::unfit(variable, expected, value, origin))
    });
    let told: Vec<_> = told.collect();
    bad.into_iter().map(|(_, problem)| problem).chain(told).collect()
}

fn check_one<S: Section>(variable: &'static Variable, effective: &Effective, app_env: AppEnv) -> Option<Problem> {
    let Variable { name, expected, .. } = *variable;
    let Some(Given { value, origin }) = effective.get(name) else {
        return variable.is_required().then_some(Problem::Missing { name, expected, app_env });
    };
    // What envy says of a bad value quotes the value, and stops at the first one: so each is read by itself, among
    // defaults, and told of in our words.
    let alone = section_of::<S>(|other| if other.name == name { Some(value.clone()) } else { stand_in(other) });
    alone.is_err().then(|| Problem::unfit(variable, expected, value, origin))
}

/// Returns a good value for a variable, unless it can be left out.
fn stand_in(variable: &Variable) -> Option<String> {
    match variable.built_in {
        BuiltIn::MadeInDevelopment => Some(STAND_IN.to_owned()),
        BuiltIn::Unset
        | BuiltIn::Always(_)
        | BuiltIn::ByEnvironment { .. }
        | BuiltIn::InDevelopment(_)
        | BuiltIn::OfTheMachine(_) => variable.default_in(AppEnv::Development),
    }
}

impl fmt::Debug for Effective {
    // The values hold every secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
