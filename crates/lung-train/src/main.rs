//! The command `lung`: train, evaluate, export and run MobileNet-Lung.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
