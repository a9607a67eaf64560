//! Fuzz target for the credentials file: storing a profile keeps all other content, including comments.
//!
//! An input has a profile's name on the first line, followed by the file.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike};

use crate::{ApiKey, Profile, auth::credentials::Document, fuzzing::lines};

const KEY: &str = "ifr_pk_proj_FUZZfuzzFUZZfuzzFUZZfuzz";
const OWN: [&str; 4] = ["api_key", "account_id", "project_id", "base_url"];

pub fn credentials(data: &[u8]) {
    let Some([name, text]) = lines(data) else { return };
    let path = Path::new("credentials");
    let mut document = match Document::parse(path, text) {
        Ok(document) => document,
        Err(error) => {
            // The error names the line and does not quote it.
            assert_eq!(error.code(), "CREDENTIALS_INVALID");
            return assert!(text.parse::<DocumentMut>().is_err());
        }
    };
    assert_eq!(document.text().parse::<DocumentMut>().expect("TOML").to_string(), document.text());
    let before: DocumentMut = text.parse().expect("it was read");
    let profile = document.profile(name);
    let stored = Profile {
        api_key: Some(ApiKey::new(KEY).expect("a key")),
        account_id: Some("acc_\"1\"\n".to_owned()),
        project_id: None,
        base_url: Some("https://api.example".to_owned()),
    };
    let kept = format!("{name}-previous");
    let keep =
        (profile.as_ref().is_ok_and(Option::is_some) && !document.holds(&kept)).then_some(kept.as_str());
    if document.set(name, &stored, keep).is_err() {
        assert!(profile.is_err(), "a profile that can be read can be changed");
        return assert_eq!(document.text(), before.to_string(), "a failed change has no effect");
    }
    let written = document.text();
    let again = Document::parse(path, &written).expect("the written text is TOML");
    assert_eq!(again.profile(name).expect("a profile").as_ref(), Some(&stored), "{written}");
    let after: DocumentMut = written.parse().expect("TOML");
    for (other, item) in before.iter().filter(|(other, _)| *other != name) {
        assert_eq!(after.get(other).map(meaning), Some(meaning(item)), "{other:?} was changed: {written}");
    }
    if let Some(own) = before.get(name).and_then(Item::as_table_like) {
        let now = after[name].as_table_like().expect("a table");
        for (field, item) in own.iter().filter(|(field, _)| !OWN.contains(field)) {
            assert_eq!(now.get(field).map(meaning), Some(meaning(item)), "{field:?} was changed: {written}");
        }
        if let Some(kept) = keep {
            assert_eq!(after.get(kept).map(meaning), before.get(name).map(meaning), "the old table is kept");
        }
    }
    // Storing the same profile again changes nothing.
    let mut again = again;
    again.set(name, &stored, None).expect("it can be changed");
    assert_eq!(again.text(), written);
}

/// Returns an item's content, independent of its notation.
fn meaning(item: &Item) -> String {
    fn table(table: &dyn TableLike) -> String {
        let mut members: Vec<_> =
            table.iter().map(|(name, item)| format!("{name:?}:{}", meaning(item))).collect();
        members.sort();
        format!("{{{}}}", members.join(","))
    }
    if let Some(tables) = item.as_array_of_tables() {
        return format!("[{}]", tables.iter().map(|one| table(one)).collect::<Vec<_>>().join(","));
    }
    if let Some(members) = item.as_table_like() {
        return table(members);
    }
    if let Some(items) = item.as_array() {
        let items: Vec<_> = items.iter().map(|value| meaning(&Item::Value(value.clone()))).collect();
        return format!("[{}]", items.join(","));
    }
    match item.as_str() {
        Some(text) => format!("{text:?}"),
        None => item.to_string().trim().to_owned(),
    }
}
