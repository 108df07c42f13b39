//! `azlet images`: fills the registries outside of Azure with a user's own images, so that pods, imports and caches find them offline.
//! A running emulator takes them through its control API; `--images` puts them into one that starts.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use futures_util::Stream;
use reqwest::{Body, Client, Method, Url};
use serde_json::Value;
use tokio::sync::mpsc;

use super::Failure;
use super::state::State;
use crate::acr::images::{self, Listed, LoadOptions, Loaded};
use crate::world::World;

/// As much of an archive is sent at once.
const PIECE: usize = 256 * 1024;
/// As many pieces may wait for who takes them.
const AHEAD: usize = 4;
/// How archives of images are called.
const ENDINGS: [&str; 3] = [".tar", ".tar.gz", ".tgz"];

#[derive(Debug, Subcommand)]
pub(super) enum ImagesCommand {
    /// Load images from OCI layouts (folders or tar files) and from what `docker save` writes; tar files may be gzipped.
    Load(LoadArguments),
    /// List the images that can be pulled and imported without a network.
    List(ListArguments),
    /// Remove images, by tag or digest, or whole repositories.
    #[command(alias = "remove")]
    Rm(RemoveArguments),
}

#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    /// Folders with an OCI layout, and archives.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the image is called: docker.io/library/nginx:1.29. Without a tag, the archive's own tags count; without this, its names.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Take an index although platforms that it names are missing.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// docker.io/library/nginx:1.29, a name with a digest, or a repository.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Which emulator, and how it is told.
#[derive(Debug, Args)]
struct Place {
    /// The emulator's address; by default that of `azlet exec` or `azlet env`, or else the one that `up` keeps running.
    #[arg(long, value_name = "URL", env = "AZLET_ENDPOINT")]
    endpoint: Option<String>,
    /// The folder that `up` was given.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// What is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Does what is asked of a running emulator.
pub(super) async fn run(command: ImagesCommand) -> Result<ExitCode, Failure> {
    match command {
        ImagesCommand::Load(arguments) => load(arguments).await,
        ImagesCommand::List(ListArguments { place }) => {
            let answer = place.ask(Method::GET, "images", &[], None).await?;
            let images = read::<Vec<Listed>>(&answer["images"])?;
            place.print(&answer["images"], || table(&images));
            Ok(ExitCode::SUCCESS)
        }
        ImagesCommand::Rm(RemoveArguments { names, place }) => {
            let mut removed = Vec::new();
            for name in &names {
                let answer = place.ask(Method::DELETE, "images", &[("name", name)], None).await?;
                removed.extend(read::<Vec<String>>(&answer["removed"])?);
            }
            place.print(&serde_json::json!(removed), || removed.iter().map(|name| format!("removed {name}\n")).collect());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn load(arguments: LoadArguments) -> Result<ExitCode, Failure> {
    let LoadArguments { paths, name, partial, place } = arguments;
    let mut all = Loaded::default();
    for path in &paths {
        let mut query = Vec::new();
        query.extend(name.as_deref().map(|name| ("as", name)));
        query.extend(partial.then_some(("partial", "true")));
        let archive = Archive::open(path)?;
        let answer = place.ask(Method::POST, "images", &query, Some(archive)).await;
        let answer = answer.map_err(|failure| failure.about(path))?;
        let loaded = read::<Loaded>(&answer)?;
        all.images.extend(loaded.images);
        all.notes.extend(loaded.notes);
    }
    place.print(&serde_json::json!(all), || table(&all.images));
    for note in &all.notes {
        eprintln!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads what an emulator is started with: archives, layouts, and folders of them; `PATH=NAME` says what an image is called.
pub(super) async fn load_at_start(world: &Arc<World>, given: &[String]) -> Result<(), Failure> {
    for text in given {
        // A path may have an equals sign of its own.
        let (path, name) = match text.rsplit_once('=') {
            Some((path, name)) if !Path::new(text).exists() => (path, Some(name.to_owned())),
            _ => (text.as_str(), None),
        };
        for path in archives(Path::new(path))? {
            let options = LoadOptions { name: name.clone(), partial: false };
            let loaded = images::load_arriving(world.clone(), Archive::open(&path)?.pieces(), options).await;
            let loaded = loaded.map_err(|fault| Failure::Images(fault.to_string()).about(&path))?;
            for note in loaded.notes {
                eprintln!("note: {note}");
            }
        }
    }
    Ok(())
}

/// What a path stands for: itself, or what a folder without a layout of its own holds, by name.
fn archives(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() || is_layout(path) {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|source| Failure::file(path, source))?;
    let archive = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        is_layout(path) || ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(archive).collect();
    found.sort();
    if found.is_empty() {
        return Err(Failure::Images(format!("{} holds neither archives (.tar, .tar.gz, .tgz) nor OCI layouts", path.display())));
    }
    Ok(found)
}

fn is_layout(path: &Path) -> bool {
    path.join("oci-layout").is_file()
}

/// Where an archive comes from: a file, or a folder that becomes one on the way.
enum Archive {
    File(File),
    Folder(PathBuf),
}

impl Archive {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|source| Failure::file(path, source))?;
        let is_folder = file.metadata().map_err(|source| Failure::file(path, source))?.is_dir();
        if !is_folder {
            return Ok(Self::File(file));
        }
        if !is_layout(path) {
            return Err(Failure::Images(format!("{} is no OCI layout: it has no file oci-layout", path.display())));
        }
        Ok(Self::Folder(path.to_owned()))
    }

    /// Writes the archive.
    fn write(self, mut into: impl Write) -> io::Result<()> {
        match self {
            Self::File(mut file) => io::copy(&mut file, &mut into).map(drop),
            Self::Folder(folder) => {
                let mut archive = tar::Builder::new(into);
                archive.append_dir_all("", folder)?;
                archive.finish()
            }
        }
    }

    /// The archive in pieces, read on a thread of its own.
    fn pieces(self) -> impl Stream<Item = io::Result<Bytes>> {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { piece: Vec::new(), sender: sender.clone() };
            if let Err(error) = self.write(&mut pieces).and_then(|()| pieces.flush()) {
                let _ = sender.blocking_send(Err(error));
            }
        });
        futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
    }
}

/// Cuts what is written into pieces and sends them.
struct Pieces {
    piece: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let sent = piece.is_empty() || self.sender.blocking_send(Ok(piece.into())).is_ok();
        if sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}

impl Place {
    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, Failure> {
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => State::at(self.state.clone().unwrap_or_else(State::default_root))?.running()?.endpoint,
        };
        let url = Url::parse(&format!("{}/_azlet/{path}", endpoint.trim_end_matches('/')));
        let mut url = url.map_err(|error| Failure::Images(format!("{endpoint:?} is no address of an emulator: {error}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Asks the control API.
    async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)], archive: Option<Archive>) -> Result<Value, Failure> {
        let url = self.url(path, query)?;
        let unreachable = |error: &dyn std::fmt::Display| Failure::Images(format!("cannot reach the emulator: {error}"));
        // The variables of `azlet env` name the emulator as a proxy, which it is not for itself.
        let client = Client::builder().no_proxy().build().map_err(|error| unreachable(&error))?;
        let mut request = client.request(method, url);
        if let Some(archive) = archive {
            request = request.header("content-type", "application/x-tar").body(Body::wrap_stream(archive.pieces()));
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let good = response.status().is_success();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if good {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Err(Failure::Images(answer["error"].as_str().map_or(text, str::to_owned)))
    }

    fn print(&self, json: &Value, people: impl FnOnce() -> String) {
        match self.output {
            Output::Json => println!("{json:#}"),
            Output::Table => print!("{}", people()),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| Failure::Images(format!("the emulator's answer is not understood: {error}")))
}

/// A line for each image, in columns as wide as they need to be.
fn table(images: &[Listed]) -> String {
    let head = ["REGISTRY", "REPOSITORY", "TAG", "DIGEST", "PLATFORMS", "SIZE"].map(str::to_owned);
    let row = |image: &Listed| {
        let platforms = if image.platforms.is_empty() { "-".to_owned() } else { image.platforms.join(",") };
        let digest = image.digest.chars().take("sha256:".len() + 12).collect();
        [image.registry.clone(), image.repository.clone(), image.tag.clone(), digest, platforms, readable(image.size)]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(images.iter().map(row)).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A size for people.
fn readable(size: u64) -> String {
    let mut value = size as f64;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].iter();
    let mut unit = units.next().unwrap_or(&"B");
    while value >= 1024.0
        && let Some(larger) = units.next()
    {
        value /= 1024.0;
        unit = larger;
    }
    if *unit == "B" { format!("{size} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"],
            [0, 1023, 1024, 1_572_864].map(readable).each_ref().map(String::as_str)
        );
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let image = Listed {
            registry: "docker.io".into(),
            repository: "library/nginx".into(),
            tag: "1.29".into(),
            digest: format!("sha256:{}", "a".repeat(64)),
            media_type: String::new(),
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            size: 2048,
        };
        let lines = table(&[image]);
        assert_eq!(
            lines,
            "REGISTRY   REPOSITORY     TAG   DIGEST               PLATFORMS                SIZE\n\
             docker.io  library/nginx  1.29  sha256:aaaaaaaaaaaa  linux/amd64,linux/arm64  2.0 KiB\n"
        );
    }
}
