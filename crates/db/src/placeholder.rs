//! One SQL text for two engines.
//!
//! Statements are written with `?1`, `?2`: on SQLite `$2` is a *named* parameter, numbered by first appearance, so
//! sharing `$N` would silently swap arguments.

/// Writes `$1` for `?1`, outside of literals, quoted names and comments.
pub(crate) fn for_postgres(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '"', '?', '-', '/']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let token = token_length(rest);
        let (taken, after) = rest.split_at(token);
        if taken.starts_with('?') && after.starts_with(|next: char| next.is_ascii_digit()) {
            text.push('$');
        } else {
            text.push_str(taken);
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The length of the literal, quoted name, comment or single character that `text` starts with.
fn token_length(text: &str) -> usize {
    let end = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    match text.as_bytes() {
        // A doubled quote reads as two literals side by side, which copies the same text.
        [b'\'', ..] => end(1, "'"),
        [b'"', ..] => end(1, "\""),
        [b'-', b'-', ..] => end(2, "\n"),
        [b'/', b'*', ..] => end(2, "*/"),
        _ => 1,
    }
}

/// Cuts a locking clause (`FOR UPDATE`, `FOR SHARE SKIP LOCKED`, …) off the end: SQLite's writer is alone.
pub(crate) fn for_sqlite(sql: &str) -> &str {
    const CLAUSES: [&str; 4] = ["FOR UPDATE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR KEY SHARE"];
    let text = sql.trim_end();
    let text =
        text.strip_suffix("SKIP LOCKED").or_else(|| text.strip_suffix("NOWAIT")).unwrap_or(text).trim_end();
    let before = CLAUSES.iter().find_map(|clause| text.strip_suffix(clause));
    before.filter(|before| before.ends_with(char::is_whitespace)).map_or(sql, str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn placeholders_become_dollars_and_nothing_else_does() {
        for (sql, wanted) in [
            ("SELECT ?2, ?1", "SELECT $2, $1"),
            ("SELECT ?12::bigint", "SELECT $12::bigint"),
            ("SELECT '?1', ?1", "SELECT '?1', $1"),
            ("SELECT 'it''s ?1', ?1", "SELECT 'it''s ?1', $1"),
            ("SELECT \"a?1\", ?1", "SELECT \"a?1\", $1"),
            ("SELECT ?1 -- not ?2\n, ?2", "SELECT $1 -- not ?2\n, $2"),
            ("SELECT ?1 /* not ?2 */ - ?2 / ?3", "SELECT $1 /* not ?2 */ - $2 / $3"),
            ("SELECT a ? b", "SELECT a ? b"),
            ("SELECT 'open ?1", "SELECT 'open ?1"),
            ("ü'é?1'?1", "ü'é?1'$1"),
            ("?", "?"),
        ] {
            assert_eq!(for_postgres(sql), wanted);
        }
    }

    #[test]
    fn a_locking_clause_is_cut_from_the_end_only() {
        for (sql, wanted) in [
            ("SELECT a FROM t WHERE b = ?1 FOR UPDATE", "SELECT a FROM t WHERE b = ?1"),
            ("SELECT a FROM t\n FOR NO KEY UPDATE SKIP LOCKED\n", "SELECT a FROM t"),
            ("SELECT a FROM t FOR SHARE NOWAIT", "SELECT a FROM t"),
            ("SELECT a FROM t WHERE b = 'FOR UPDATE'", "SELECT a FROM t WHERE b = 'FOR UPDATE'"),
            ("SELECT a FROM t FOR UPDATE LIMIT 1", "SELECT a FROM t FOR UPDATE LIMIT 1"),
            ("SELECT xFOR UPDATE", "SELECT xFOR UPDATE"),
        ] {
            assert_eq!(for_sqlite(sql), wanted);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_rewritten_without_a_panic(sql in "[a?'\"/*\\-0-9 \nü]{0,64}") {
            let text = for_postgres(&sql);
            prop_assert_eq!(text.len(), sql.len());
            prop_assert!(for_sqlite(&sql).len() <= sql.len());
        }
    }
}
