//! The games that are played: Kasparov - Deep Blue, New York 1997.

/// One game as it was played.
pub struct Record {
    /// In algebraic notation, in order, White first.
    pub moves: Vec<&'static str>,
    /// `1-0`, `0-1` or `1/2-1/2`.
    pub result: &'static str,
}

/// Returns the six games in order.
pub fn games() -> Vec<Record> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(record).collect()
}

fn record(line: &'static str) -> Option<Record> {
    let mut moves: Vec<&str> = line.split_whitespace().collect();
    let result = moves.pop()?;
    Some(Record { moves, result })
}

const TEXT: &str = include_str!("deep-blue-1997.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_six_games_with_their_results() {
        let games = games();

        assert_eq!(games.iter().map(|game| game.moves.len()).collect::<Vec<_>>(), [89, 89, 95, 111, 98, 37]);
        assert_eq!(
            games.iter().map(|game| game.result).collect::<Vec<_>>(),
            ["1-0", "1-0", "1/2-1/2", "1/2-1/2", "1/2-1/2", "1-0"]
        );
    }
}
