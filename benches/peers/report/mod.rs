//! Writes what was found as a section of a page, with the plots and the numbers it refers to.

mod tables;

use std::{fs, io, path::Path};

use crate::{
    bars::{Bar, svg},
    options::STORM_WITHIN,
    promises,
    results::{Found, Results},
};

/// Writes the section between its markers, and the files into the folder that is named like the page.
///
/// # Errors
/// The page has no markers, or cannot be written.
pub fn write(page: &Path, results: &Results) -> io::Result<()> {
    let text = fs::read_to_string(page)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| io::Error::other(format!("{} has no {BEGIN}", page.display())))?;
    let folder = page.with_extension("");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("peers.json"), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(folder.join("peers-play.svg"), play_plot(results))?;
    fs::write(folder.join("peers-storm.svg"), storm_plot(results))?;
    fs::write(page, format!("{before}{BEGIN}\n{}{END}{after}", section(results)))
}

/// The section, in Markdown.
pub fn section(results: &Results) -> String {
    let machine = &results.machine;
    let versions: String = results
        .peers
        .iter()
        .map(|found| match &found.not_run {
            Some(reason) => format!("- {}: not run: {}\n", found.name, reason.replace('\n', " ")),
            None => format!("- {}: {}\n", found.name, found.version),
        })
        .collect();
    let (games, seconds, rounds) = (results.games, results.seconds, results.rounds);
    let [small, large] = results.players;
    let within = STORM_WITHIN.as_secs();
    let (play, storm) = (tables::play(results), tables::storm(results));
    let (limits, targets, faults) = (tables::limits(results), tables::targets(results), tables::faults(results));
    let promises = promises::TABLE;
    format!(
        "\nMeasured {} on {} ({} cores, {}), {}, with Postgres {}, Redis {} and Rust {}, in {} s, by\n\n\
         ```text\nmake bench-peers\n```\n\n{versions}\n\
         Servers, stores and clients share the cores: what counts are the ratios. All clients are the same program on two \
         threads; per peer it has nothing but how to connect, how a move is sent and how a frame is read. Each turn has a \
         server started afresh on empty stores, turns alternate, and numbers are medians of the rounds, of which there were {rounds}. \
         Redis keeps nothing on disk, Postgres commits to disk.\n\n\
         ### Play\n\n{games} games of two, for {seconds} s after a warm-up. One move of about 80 bytes is under way in each game; \
         the other player moves as soon as it sees it. A move counts as confirmed when its sender sees it come back in the \
         game's order. Everybody checks order, gaps and doubles.\n\n\
         ![Confirmed moves a second](performance/peers-play.svg)\n\n{play}\n\
         ### Storm\n\nBoth players of each game lose their connections at once (reset), the third member, who stays, \
         makes the 50 moves that they miss, and all of them come back at once, {small} players and {large}. The time is from \
         then until a player has all 50, in order; after {within} s it is not waited for any longer.\n\n\
         ![Until everybody is back](performance/peers-storm.svg)\n\n{storm}\n\
         ### Targets\n\n{targets}\n\
         ### Limits of the stores\n\nThe same machine, with nothing in between.\n\n{limits}\n\
         ### What they promise\n\n{promises}\n{faults}",
        machine.date,
        machine.processor,
        machine.cores,
        machine.memory,
        machine.kernel,
        machine.postgres,
        machine.redis,
        machine.rust,
        results.took_seconds,
    )
}

fn play_plot(results: &Results) -> String {
    let bar = |found: &Found| {
        let value = found.play(|play| play.moves_per_second);
        Bar { name: found.name.to_owned(), value, words: tables::count(value) }
    };
    svg("Confirmed moves a second (more is better)", &measured(results, bar))
}

fn storm_plot(results: &Results) -> String {
    let bar = |found: &Found| {
        let value = found.storm_ms(1);
        let more = if value >= STORM_WITHIN.as_secs_f64() * 1e3 { "more than " } else { "" };
        Bar { name: found.name.to_owned(), value, words: format!("{more}{} ms", tables::count(value)) }
    };
    let players = results.players[1];
    svg(&format!("Until all of {players} players have what they missed (less is better)"), &measured(results, bar))
}

fn measured(results: &Results, bar: impl Fn(&Found) -> Bar) -> Vec<Bar> {
    results.peers.iter().filter(|found| !found.plays.is_empty()).map(bar).collect()
}

const BEGIN: &str = "<!-- peers:begin -->";
const END: &str = "<!-- peers:end -->";
