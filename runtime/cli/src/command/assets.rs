//! `assets`: brings images in, lists them and writes them out. The log knows them by their digests; nothing here reads or writes it.

use crate::arguments::assets::{Assets, AssetsCommand};
use crate::arguments::{Format, Place};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use crate::session::state_folder;
use std::io::Write;
use std::path::Path;
use tradewind_lang::code::run as code;
use tradewind_models::{Assets as Files, Kept, LARGEST_ASSET};

/// The folder of the files, beside the store.
pub(crate) const FOLDER: &str = "assets";

pub(crate) fn run(place: &Place, options: &Assets) -> Outcome {
    let (repository, plan) = super::plan_of(place)?;
    let files = Files::new(state_folder(&repository, &plan).join(FOLDER));
    match &options.command {
        AssetsCommand::Add { file } => add(&files, file),
        AssetsCommand::List { format } => list(&files, *format),
        AssetsCommand::Get { digest, to } => get(&files, digest, to),
    }
}

fn refused(message: String) -> Failure {
    Failure::new(Exit::Tool, &code::ASSET_REFUSED, message)
}

fn add(files: &Files, path: &Path) -> Outcome {
    let named = |why: &str| refused(format!("`{}` is not kept: {why}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| named(&error.to_string()))?;
    if !about.is_file() || about.len() > LARGEST_ASSET as u64 {
        return Err(named("it is no file, or larger than 20 MiB"));
    }
    let bytes = std::fs::read(path).map_err(|error| named(&error.to_string()))?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let asset = files.keep(&bytes, &format!("brought from the file `{name}`")).map_err(|why| named(&why))?;
    say!("{}", serde_json::json!(asset));
    Ok(Exit::Fine)
}

fn list(files: &Files, format: Format) -> Outcome {
    let all = files.all();
    if format == Format::Json {
        say!("{}", serde_json::json!({ "version": 1, "assets": all }));
        return Ok(Exit::Fine);
    }
    for Kept { asset, origin } in &all {
        let short: String = asset.digest.chars().take(12).collect();
        say!("{short}  {:<10}  {:>9} bytes  {origin}", asset.media_type, asset.bytes);
    }
    if all.is_empty() {
        say!("no image is kept");
    }
    Ok(Exit::Fine)
}

fn get(files: &Files, digest: &str, to: &Path) -> Outcome {
    let all = files.all();
    let mut found = all.iter().filter(|kept| kept.asset.digest.starts_with(digest));
    let kept = match (found.next(), found.next()) {
        (Some(kept), None) => kept,
        (None, _) => {
            return Err(refused(format!("no image has a digest that begins with `{digest}`")).help("`tradewind assets list` lists them"));
        }
        (Some(_), Some(_)) => {
            return Err(refused(format!("several images have a digest that begins with `{digest}`")).help("write more of it"));
        }
    };
    let bytes = files.open(&kept.asset.digest).map_err(refused)?;
    let written = std::fs::File::create_new(to).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| Failure::new(Exit::Tool, &code::CANNOT_WRITE, format!("`{}` cannot be written: {error}", to.display())))?;
    tell!("{} bytes written to `{}`", bytes.len(), to.display());
    Ok(Exit::Fine)
}
