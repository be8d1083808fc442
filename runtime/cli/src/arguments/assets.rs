//! The options of `assets`.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Assets {
    #[command(subcommand)]
    pub(crate) command: AssetsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetsCommand {
    /// Keep an image, and print the fields that stand for it in an input.
    #[command(after_help = "Example:\n  tradewind assets add photos/chair.jpg")]
    Add {
        /// A PNG, JPEG, GIF or WebP.
        file: PathBuf,
    },
    /// List the images that are kept, with where each comes from.
    #[command(after_help = "Example:\n  tradewind assets list --format json")]
    List {
        /// How it is printed.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Write the bytes of an image to a new file.
    #[command(after_help = "Example:\n  tradewind assets get 3f2a91 --to banner.png")]
    Get {
        /// Its digest, or the first digits of it.
        digest: String,
        /// The file, which is not there yet.
        #[arg(long)]
        to: PathBuf,
    },
}
