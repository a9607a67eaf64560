//! Serves a data folder until Ctrl-C: `cargo run --release -p infrai-sandbox --example serve -- DIR [ADDR]`.

use std::error::Error;

use infrai_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut builder = Sandbox::builder();
    if let Some(folder) = arguments.next() {
        builder = builder.data_dir(folder);
    }
    if let Some(addr) = arguments.next() {
        builder = builder.addr(addr);
    }
    let sandbox = builder.start().await?;
    println!("serving {} from {}", sandbox.url(), sandbox.data_dir().display());
    println!("in a browser: {}", sandbox.page_url());
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(())
}
