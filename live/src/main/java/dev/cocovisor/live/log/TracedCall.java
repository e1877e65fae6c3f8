package dev.cocovisor.live.log;

import dev.cocovisor.script.text.LogCall;

/**
 * A system call of a traced program that has returned.
 *
 * @param call name, arguments and result
 * @param path what the descriptor in its first argument names, empty if nobody says
 * @param opened what the descriptor it returned names, empty if nobody says
 */
public record TracedCall(LogCall call, String path, String opened) {}
