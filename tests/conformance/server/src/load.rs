//! Reads a folder of scenario files, and fills in their cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::expand::{Names, expand};
use crate::scenario::Scenario;

/// A scenario as it stands in its file, its cases filled in and its addresses not yet.
#[derive(Debug, Clone)]
pub struct Template {
    /// The scenario's name.
    pub name: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// The scenario as JSON.
    pub json: Value,
}

impl Template {
    /// The scenario with addresses and other names filled in.
    pub fn fill(&self, names: &Names) -> Result<Scenario, String> {
        let json = expand(&self.json, names);
        serde_json::from_value(json).map_err(|e| format!("{}: {}: {e}", self.file.display(), self.name))
    }
}

/// All scenario files below a folder, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Every scenario below a folder, its cases filled in.
pub fn load(folder: &Path) -> Result<Vec<Template>, String> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files(folder)? {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let json: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
        for template in cases(&file, &json)? {
            if !seen.insert(template.name.clone()) {
                return Err(format!("{}: the name {:?} is taken", file.display(), template.name));
            }
            all.push(template);
        }
    }
    Ok(all)
}

/// The scenarios of one file: one for each member of `cases` where a scenario has them.
fn cases(file: &Path, json: &Value) -> Result<Vec<Template>, String> {
    let scenarios = json["scenarios"].as_array().ok_or(format!("{}: no `scenarios`", file.display()))?;
    let mut found = Vec::new();
    for scenario in scenarios {
        let mut scenario = scenario.clone();
        let object = scenario.as_object_mut().ok_or(format!("{}: no object", file.display()))?;
        let cases = object.remove("cases").unwrap_or_else(|| Value::Array(vec![Value::Object(Map::new())]));
        for case in cases.as_array().ok_or(format!("{}: `cases` is no list", file.display()))? {
            let names = case.as_object().into_iter().flatten();
            let names = names.map(|(name, value)| (name.clone(), expand(value, &Names::new()))).collect();
            let json = expand(&scenario, &names);
            let name = json["name"].as_str().ok_or(format!("{}: no name", file.display()))?.to_owned();
            found.push(Template { name, file: file.to_path_buf(), json });
        }
    }
    Ok(found)
}
