//! Tests of redaction: no spelling of a key stays, other text does, and the work is bounded.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn redactor(secret: &str) -> Redactor {
    Redactor::of([secret.into()])
}

/// Returns a spelling of a character, selected by number.
fn spell(c: char, way: u8) -> String {
    let code = u32::from(c);
    match way % 10 {
        0 => format!("%{code:02X}"),
        1 => format!("%25{code:02x}"),
        2 => format!("\\u{code:04x}"),
        3 => format!("\\\\u{code:04X}"),
        4 => format!("\\u{{{code:x}}}"),
        5 => format!("&#{code};"),
        6 => format!("&#x{code:X};"),
        7 => {
            let quoted = json!(c.to_string()).to_string();
            quoted[1..quoted.len() - 1].into()
        }
        8 => c.escape_debug().to_string(),
        _ => c.to_ascii_uppercase().into(),
    }
}

#[test]
fn text_in_key_form_keeps_only_its_prefix() {
    let none = Redactor::default();
    assert_eq!(none.text("a ifr_pk_proj_abc-1, ifr_pk_x\"y ifr_pk"), "a ifr_pk_…, ifr_pk_…\"y ifr_pk");
    assert_eq!(redactor("ifr_pk_proj_mine.1").text("ifr_pk_proj_mine.1 ifr_pk_proj_other"), "… ifr_pk_…");
}

#[test]
fn key_is_found_in_other_programs_spellings() {
    let redactor = redactor("tok.a/b+c=\"d\\e-f");
    for text in [
        "tok.a/b+c=\"d\\e-f",
        "tok.a%2Fb%2Bc%3D%22d%5Ce-f",
        r#"tok.a\/b+c=\"d\\e\u002df"#,
        "tok.a/b+c=&quot;d\\e&#45;f",
        "TOK.A/B+C=\"D\\E-F",
    ] {
        assert_eq!(redactor.text(&format!("<{text}>")), "<…>");
        assert_eq!(redactor.text(&format!("<{text:?}>")), "<\"…\">");
    }
}

#[test]
fn prefix_of_eight_characters_is_redacted() {
    let redactor = redactor("tok.abcdefghij");
    assert_eq!(redactor.text("tok.abc"), "tok.abc");
    assert_eq!(redactor.text("tok.abcd, tok.abcdefX"), "…, …X");
    assert_eq!(redactor.text("tok.abcdtok.abcdefghij"), "…");
}

#[test]
fn short_key_is_redacted_as_a_whole() {
    assert_eq!(redactor("k1").text("k, k1"), "k, …");
}

#[test]
fn json_strings_numbers_and_names_are_redacted() {
    let value = json!({"1234567890": [1_234_567_890, 12, true, "x1234567890"]});
    assert_eq!(redactor("1234567890").value(&value), json!({"…": ["…", 12, true, "x…"]}));
}

#[test]
fn cause_without_a_key_is_unchanged() {
    let cause = |text: &str| -> Arc<dyn StdError + Send + Sync> { Arc::new(std::io::Error::other(text)) };
    let (clean, dirty) = (cause("reset"), cause("reset at tok.abcdefghij"));
    let redactor = redactor("tok.abcdefghij");
    assert!(Arc::ptr_eq(&redactor.source(Arc::clone(&clean)), &clean));
    assert_eq!(redactor.source(dirty).to_string(), "reset at …");
}

#[test]
fn text_of_repeated_prefixes_does_not_grow() {
    for piece in ["ifr_pk_", "ifr_pk_proj_abc", "\\", "%25", "&#"] {
        let text = piece.repeat(1_000_000 / piece.len());
        assert!(redactor("ifr_pk_proj_abcdef").text(&text).len() <= text.len());
    }
    assert_eq!(Redactor::default().text("ifr_pk_a.ifr_pk_b"), "ifr_pk_….ifr_pk_…");
    assert_eq!(redactor("tok.abcdefg").text("ifr_pk_a-tok.abcdefg"), "ifr_pk_…");
}

#[test]
fn latest_keys_are_remembered() {
    let keys: Vec<Arc<str>> = (0..=MAX_SECRETS).map(|at| format!("a-key-of-{at:03}").into()).collect();
    let known = keys.iter().fold(Redactor::default(), |known, key| known.and(key).and(key));
    assert_eq!(known.text(&keys[1]), "…");
    assert_eq!(known.secrets().len(), MAX_SECRETS);
}

#[test]
fn key_sent_again_becomes_the_latest() {
    let keys: Vec<Arc<str>> = (0..=MAX_SECRETS).map(|at| format!("a-key-of-{at:03}").into()).collect();
    let known = keys[..MAX_SECRETS]
        .iter()
        .fold(Redactor::default(), |known, key| known.and(key))
        .and(&keys[0])
        .and(&keys[MAX_SECRETS]);
    assert_eq!(known.text(&keys[0]), "…");
    assert_eq!(known.secrets()[MAX_SECRETS - 2..], [keys[0].clone(), keys[MAX_SECRETS].clone()]);
}

#[test]
fn secret_part_of_a_key_is_found_alone() {
    let project = redactor("ifr_pk_proj_0123456789abcdef");
    assert_eq!(project.text("key 0123456789abcdef, 01234567"), "key …, …");
    let token = redactor("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN");
    assert_eq!(token.text("of eyJzdWIiOiIxMjM0In0 by dozjgNry"), "of … by …");
    assert_eq!(redactor("ifr_pk_proj_k1").text("k1"), "k1", "too short to be recognised without its prefix");
}

#[test]
fn key_wrapped_over_lines_is_found() {
    let redactor = redactor("tok.abcdefghij");
    for text in [
        "tok.ab\r\n  cdefghij",
        "tok.ab\\ncdefg\\\\thij",
        "t o k . a b c d e f g h i j",
        "tok.ab%0Acdef&#10;ghij",
    ] {
        assert_eq!(redactor.text(&format!("<{text}> ")), "<…> ");
    }
    assert_eq!(redactor.text("tok. ab x"), "tok. ab x");
}

#[test]
fn shortened_text_ends_without_part_of_a_key() {
    let redactor = redactor("tok.abcdefghij");
    for length in 0..20 {
        let text = format!("{}tok.abcdefghij tok", "x".repeat(MAX_OUTPUT - length));
        let shown = redactor.text(&text);
        assert!(shown.len() <= MAX_OUTPUT && !shown.contains("to") || length > 4, "{length}");
        assert!(!shown.contains("tok.") && redactor.text(&shown) == shown, "{length}");
    }
}

#[test]
fn json_texts_beyond_the_bound_are_left_out() {
    let shown = redactor("tok.abcdefghij")
        .value(&json!({"a": "x".repeat(MAX_INPUT), "b": ["y", "tok.abcdefghij"], "c": 1}));
    assert_eq!(shown, json!({"a": "…", "b": ["y", "…"], "c": 1}));
}

/// Returns the steps per byte for redacting a text of one repeated piece, as text and as JSON.
fn steps(redactor: &Redactor, piece: &str, length: usize) -> usize {
    let text = piece.repeat(length / piece.len());
    STEPS.set(0);
    redactor.text(&text);
    redactor.value(&text.as_str().into());
    STEPS.get() / text.len()
}

#[test]
fn every_text_takes_few_steps_per_byte() {
    let keys: [fn(usize) -> String; 4] = [
        |at| {
            format!(
                "eyJhbGciOiJIUzI1NiIs.eyJ0ZW5hbnQiOiJ{at:04}{}.{}",
                at * 7919,
                format!("{:x}", u64::MAX / (at as u64 + 3)).repeat(2)
            )
        },
        |at| format!("ifr_pk_proj_{at:02}{}", format!("{:x}", at * 104_729).repeat(8)),
        |at| format!("{}{at:02}", "e".repeat(at + 60)),
        |at| format!("\\\\%25&amp;\\\\%25&amp;{at:02}"),
    ];
    // Many keys can match at once only if a key has repetitions.
    for (key, most) in keys.into_iter().zip([64, 64, 16 * MAX_CANDIDATES, 64]) {
        let redactor = Redactor::of((0..MAX_SECRETS).map(|at| key(at).into()));
        let own = key(17);
        for piece in [
            "e",
            "&",
            "%",
            "\\",
            "%25",
            "&#",
            "&amp;",
            "\\u",
            "\\n",
            "\\\\n",
            " ",
            "e ",
            "ey",
            "eyJhbGc",
            "ifr_pk_",
            "%2565",
            "\\u0065",
            "ifr_pk_proj_",
            &own,
            &own[..own.len() / 2],
            &own[1..],
        ] {
            let steps = steps(&redactor, piece, 10_000);
            assert!(steps <= most, "{steps} steps per byte of {piece} with keys as {own}");
        }
    }
}

#[test]
fn long_text_is_read_only_up_to_the_output_limit() {
    let redactor = redactor("eyJhbGciOiJIUzI1NiIs.tenant");
    for piece in ["e", "eyJhbGciOiJIUzI1NiIs.tenant", "\\"] {
        let text = piece.repeat(8 * MAX_INPUT / piece.len());
        STEPS.set(0);
        assert!(redactor.text(&text).len() <= MAX_OUTPUT);
        assert!(STEPS.get() <= 40 * MAX_INPUT);
    }
}

proptest! {
    #[test]
    fn every_spelling_of_a_key_is_redacted(key in "[!-~]{8,60}", ways in prop::collection::vec(any::<u8>(), 60), mixed in any::<bool>()) {
        let spelled: String = key.chars().zip(&ways).map(|(c, way)| {
            if mixed && way % 2 == 0 { c.to_string() } else { spell(c, *way) }
        }).collect();
        // Remaining backslashes reveal nothing.
        let shown = redactor(&key).text(&format!("ж {spelled} ж")).replace('\\', "");
        prop_assert!(shown == "ж … ж" || shown == "ж ifr_pk_… ж", "{}", shown);
    }

    #[test]
    fn key_in_any_text_is_redacted(before in "\\PC{0,20}", key in "[!-~]{1,60}", after in "\\PC{0,20}") {
        let redactor = redactor(&key);
        let once = redactor.text(&format!("{before}{key}{after}"));
        prop_assert!(!once.contains(&key) || "ifr_pk_…".contains(&key), "{}", once);
        prop_assume!(!"ifr_pk_…".contains(&key));
        prop_assert_eq!(redactor.text(&once), once.clone(), "redacted text stays the same");
    }

    #[test]
    fn unknown_key_is_found_by_its_form(key in "ifr_pk_[a-z]{1,5}_[A-Za-z0-9_-]{8,40}", after in "[^A-Za-z0-9_-]?\\PC{0,20}") {
        let shown = redactor("ifr_pk_proj_mine12345").text(&format!("{key}{after}"));
        prop_assert!(!shown.contains(&key[8..]), "{}", shown);
    }

    #[test]
    fn text_without_a_key_is_unchanged(text in "\\PC{0,60}") {
        prop_assume!(!text.contains("ifr_pk_") && !text.contains('…'));
        prop_assert_eq!(redactor("tok.abcdefghij").text(&text), text);
    }

    #[test]
    fn shortening_leaves_no_part_of_a_key(
        before in "[жx ]{0,40}", key in "[a-zA-Z0-9._~+/-]{8,80}", times in 1..4_usize, end in 0..300_usize, limit in 0..60_usize,
    ) {
        let text = format!("{before}{}", format!("{key} ").repeat(times));
        let text = until(&text, end);
        let shown = redactor(&key).first(text, limit);
        prop_assert!(shown.len() <= limit.max(3));
        for at in 0..=key.len() - 8 {
            prop_assert!(before.contains(&key[at..at + 8]) || !shown.contains(&key[at..at + 8]), "{}", shown);
        }
    }
}
