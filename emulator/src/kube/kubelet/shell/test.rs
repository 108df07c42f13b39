//! `test` and `[`.

use super::run::Machine;

/// Whether an expression holds; nothing if it cannot be read.
pub fn holds(machine: &Machine, words: &[String]) -> Option<bool> {
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Some(position) = plain.iter().position(|word| *word == "-o") {
        return Some(holds(machine, &words[..position])? || holds(machine, &words[position + 1..])?);
    }
    if let Some(position) = plain.iter().position(|word| *word == "-a") {
        return Some(holds(machine, &words[..position])? && holds(machine, &words[position + 1..])?);
    }
    match plain.as_slice() {
        [] => Some(false),
        ["!", ..] => holds(machine, &words[1..]).map(|holds| !holds),
        [word] => Some(!word.is_empty()),
        [operator, word] => single(machine, operator, word),
        [left, operator, right] => double(left, operator, right),
        _ => None,
    }
}

fn single(machine: &Machine, operator: &str, word: &str) -> Option<bool> {
    let path = machine.absolute(word);
    match operator {
        "-z" => Some(word.is_empty()),
        "-n" => Some(!word.is_empty()),
        "-e" => Some(machine.file(&path).is_some() || machine.is_directory(&path)),
        "-f" | "-r" | "-w" | "-x" => Some(machine.file(&path).is_some()),
        "-d" => Some(machine.is_directory(&path)),
        "-s" => Some(machine.file(&path).is_some_and(|content| !content.is_empty())),
        "-t" => Some(false),
        _ => None,
    }
}

fn double(left: &str, operator: &str, right: &str) -> Option<bool> {
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    match operator {
        "=" | "==" => Some(left == right),
        "!=" => Some(left != right),
        "-eq" => numbers().map(|(left, right)| left == right),
        "-ne" => numbers().map(|(left, right)| left != right),
        "-lt" => numbers().map(|(left, right)| left < right),
        "-le" => numbers().map(|(left, right)| left <= right),
        "-gt" => numbers().map(|(left, right)| left > right),
        "-ge" => numbers().map(|(left, right)| left >= right),
        _ => None,
    }
}
