package dev.cocovisor.live.log;

import dev.cocovisor.script.text.LogCall;

/**
 * A system call of a traced program that has returned.
 *
 * @param call name, arguments and result
 * @param path what the descriptor in its first argument names, empty if nobody says
 * @param mapped what the descriptor that an mmap maps names, empty if nobody says
 */
public record TracedCall(LogCall call, String path, String mapped) {}
