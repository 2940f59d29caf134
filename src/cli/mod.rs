//! Arguments, subcommands, exit codes and printing.
