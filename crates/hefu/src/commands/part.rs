//! `hefu part`: layers of a model, computed here for a head on another machine.

use crate::failure::Failure;
use crate::flags::{DeviceArguments, ModelArguments};
use crate::output::print;
use crate::part;
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Compute layers of a model for a head on another machine
///
/// The head is any command with --split, which names this machine as part@HOST:PORT and the layers that it wants. Both have the same
/// file of the model, of which this machine loads those layers alone. Numbers cross in the clear, each message with a code that only
/// whoever has the key can make.
#[derive(Debug, Args)]
#[command(after_help = "\
A key is any text of at least 16 bytes in a file that both machines have. Without one a part listens on this machine alone.

Examples:
  hefu part --host 0.0.0.0 --part-key key.txt --model ./model.gguf
  hefu part --port 7434 --device opencl")]
pub(crate) struct Arguments {
    /// Address to listen on; any but this machine's own needs --part-key [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,

    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 7433)]
    port: u16,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out; it ends when it is told to.
///
/// # Errors
/// As [`part::start`].
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let listen = SocketAddr::new(arguments.host.unwrap_or(Ipv4Addr::LOCALHOST.into()), arguments.port);
    let part = part::start(arguments.model.choice(), &arguments.device.options(), listen, true)?;
    print(&format!("hefu: a part listens on {}\n", part.address()))?;
    part.wait();
    Ok(())
}
