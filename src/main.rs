//! The program. What it does is in the library; how one talks to it is in [`cli`].

mod cli;

fn main() -> ! {
    cli::leave(cli::main())
}
