//! What travels: frames, close codes, problems. Shapes only; the rules are in `domain`.
