//! The words of a cluster's command: those that are quoted are the words that were meant, of any letters and in any kind of quotes.
#![no_main]

use azlet::arm::texts::command_words;
use libfuzzer_sys::fuzz_target;

fn single(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn double(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', r#"\""#).replace('$', r"\$").replace('`', r"\`"))
}

fuzz_target!(|words: Vec<String>| {
    let _ = command_words(&words.join(" "));
    for quote in [single, double] {
        let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let one: Vec<Vec<String>> = [words.clone()].into_iter().filter(|words| !words.is_empty()).collect();
        assert_eq!(command_words(&line.join(" ")), Ok(one.clone()));
        assert_eq!(command_words(&format!("{} && {}", line.join("\t"), line.join(" "))), Ok([one.clone(), one].concat()));
    }
});
