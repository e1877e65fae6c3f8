/**
 * The cocovisor command. Each subcommand is one small class that reads its options, calls the model
 * and prints: results on stdout, everything else on stderr. Exit codes are in {@link
 * dev.cocovisor.cli.ExitCode}, and every failure ends with the command that reproduces it.
 */
@NullMarked
package dev.cocovisor.cli;

import org.jspecify.annotations.NullMarked;
