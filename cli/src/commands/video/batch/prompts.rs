//! Prompts of a batch: lines of text, lines of JSON, or a table.

use std::path::Path;

use infrai::{
    GenerateRequest, InfraiError, Result,
    options::{parse, parse_texts},
};
use serde_json::{Map, Value};

use crate::{
    args::{BatchArgs, PromptFormat},
    commands::input,
    error,
};

/// Reads the requests.
pub(super) async fn read(args: &BatchArgs) -> Result<Vec<GenerateRequest>> {
    let path = &args.prompts;
    let text = if path == Path::new("-") {
        input::standard_input("prompts").await?
    } else {
        input::file("prompts", path).await?
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let defaults = args.video.options();
    let requests = match args.format.unwrap_or_else(|| format_of(path)) {
        PromptFormat::Text => lines(text, |line| {
            let mut options = defaults.clone();
            options.insert("prompt".into(), line.into());
            parse(Value::Object(options))
        }),
        PromptFormat::Jsonl => lines(text, |line| parse(json_item(line, &defaults)?)),
        PromptFormat::Csv => table(text, &defaults),
    }?;
    if requests.is_empty() {
        return Err(error::usage(format!("{} has no prompt", path.display())));
    }
    Ok(requests)
}

fn format_of(path: &Path) -> PromptFormat {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("jsonl" | "ndjson") => PromptFormat::Jsonl,
        Some("csv") => PromptFormat::Csv,
        _ => PromptFormat::Text,
    }
}

/// Reads an item per line. Skips empty lines.
fn lines(text: &str, item: impl Fn(&str) -> Result<GenerateRequest>) -> Result<Vec<GenerateRequest>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| item(line.trim()).map_err(|error| in_line(at + 1, &error))).collect()
}

/// Reads an object of options, or a prompt as a JSON string.
fn json_item(line: &str, defaults: &Map<String, Value>) -> Result<Value> {
    let mut options = defaults.clone();
    match infrai::wire::json::parse_body("prompts", line)? {
        Value::Object(own) => options.extend(own.into_iter().filter(|(_, value)| !value.is_null())),
        Value::String(prompt) => {
            options.insert("prompt".into(), prompt.into());
        }
        other => return Ok(other),
    }
    Ok(Value::Object(options))
}

/// Reads an item per row. The first row has the names of the options.
fn table(text: &str, defaults: &Map<String, Value>) -> Result<Vec<GenerateRequest>> {
    let mut rows = rows(text)?.into_iter();
    let Some((_, names)) = rows.next() else { return Ok(Vec::new()) };
    let defaults: Vec<_> = defaults
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let item = |(line, cells): (usize, Vec<String>)| {
        if cells.len() > names.len() {
            return Err(error::usage(format!(
                "line {line}: {} cells, and {} in the header",
                cells.len(),
                names.len()
            )));
        }
        let own = || names.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
        let kept = defaults.iter().filter(|(name, _)| own().all(|(own, _)| own.trim() != name));
        let options = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        parse_texts(options.chain(own().map(|(name, cell)| (name.trim(), cell.as_str()))))
            .map_err(|error| in_line(line, &error))
    };
    rows.map(item).collect()
}

/// Splits a table into rows of cells, as RFC 4180: a cell in quotes may hold commas, line ends and doubled quotes. Returns
/// the line of each row.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut start, mut quoted, mut was_quoted) = (1, 1, false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\n' || character == '\r' && characters.peek() != Some(&'\n');
        line += usize::from(ends_line);
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => (quoted, was_quoted) = (true, true),
            _ if quoted => cell.push(character),
            ',' => cells.push(std::mem::take(&mut cell)),
            _ if ends_line => {
                end_row(&mut rows, &mut cells, &mut cell, start, &mut was_quoted);
                start = line;
            }
            '\r' => {}
            _ => cell.push(character),
        }
    }
    if quoted {
        return Err(error::usage(format!("line {start}: a quote is not closed")));
    }
    end_row(&mut rows, &mut cells, &mut cell, start, &mut was_quoted);
    Ok(rows)
}

fn end_row(
    rows: &mut Vec<(usize, Vec<String>)>,
    cells: &mut Vec<String>,
    cell: &mut String,
    line: usize,
    was_quoted: &mut bool,
) {
    let quoted = std::mem::take(was_quoted);
    let empty = cells.iter().chain([&*cell]).all(|cell| cell.trim().is_empty()) && !quoted;
    cells.push(std::mem::take(cell));
    let row = std::mem::take(cells);
    if !empty {
        rows.push((line, row));
    }
}

/// Returns an item's error with its line.
fn in_line(line: usize, cause: &InfraiError) -> InfraiError {
    InfraiError::new(cause.kind(), cause.code(), format!("line {line}: {}", cause.message()))
        .with_hint(cause.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_quoted_cells() {
        let text = "prompt,aspect\r\n\"a \"\"red\"\" kite,\nhigh up\",1:1\n\nplain,\n\"\"";
        let cells: Vec<_> = rows(text).unwrap();
        let row = |line, cells: &[&str]| (line, cells.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(
            cells,
            [
                row(1, &["prompt", "aspect"]),
                row(2, &["a \"red\" kite,\nhigh up", "1:1"]),
                row(5, &["plain", ""]),
                row(6, &[""])
            ]
        );
        // Spreadsheets end rows with a carriage return, and write rows of empty cells.
        assert_eq!(rows("a,b\r,\rc,d\r").unwrap(), [row(1, &["a", "b"]), row(3, &["c", "d"])]);
        assert!(rows("a\n\"b").unwrap_err().message().starts_with("line 2: "));
    }

    #[test]
    fn an_item_overrides_the_defaults() {
        let defaults = Map::from_iter([
            ("aspect".to_owned(), "1:1".into()),
            ("duration_seconds".to_owned(), 2.0.into()),
        ]);
        let from_table = table("aspect,prompt\n9:16,a\n,b\n", &defaults).unwrap();
        let from_json = lines("{\"prompt\":\"a\",\"aspect\":\"9:16\"}\n\n\"b\"\n", |line| {
            parse(json_item(line, &defaults)?)
        });
        let request = |prompt: &str| GenerateRequest::new(prompt).duration_seconds(2.0);
        let expected = [request("a").aspect("9:16"), request("b").aspect("1:1")];
        assert_eq!((from_table, from_json.unwrap()), (expected.to_vec(), expected.to_vec()));
    }

    #[test]
    fn a_wrong_item_is_named_by_its_line() {
        let none = Map::new();
        for (text, message) in [
            ("prompt,seconds\na,2\n", "line 2: unknown option `seconds`"),
            (
                "prompt,duration_seconds\na,2\nb,long\n",
                "line 3: invalid `duration_seconds`: expected a number",
            ),
            ("prompt\na,b\n", "line 2: 2 cells, and 1 in the header"),
        ] {
            assert!(table(text, &none).unwrap_err().message().starts_with(message), "{text}");
        }
        let error =
            lines("{\"prompt\":\"a\"}\n{\"prompt\"", |line| parse(json_item(line, &none)?)).unwrap_err();
        assert!(error.message().starts_with("line 2: invalid `prompts`: expected JSON text"), "{error}");
    }
}
