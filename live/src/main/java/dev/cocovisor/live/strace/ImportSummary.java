package dev.cocovisor.live.strace;

import java.util.Map;

/**
 * What became of a trace.
 *
 * @param lines lines read
 * @param calls calls in them, each counted once
 * @param dropped calls that have nothing to do with KVM or guest memory
 * @param undecoded calls that matter and whose arguments the trace does not tell
 * @param lost what the trace lacks, with how often, in print order
 */
public record ImportSummary(
    long lines, long calls, long dropped, long undecoded, Map<String, Long> lost) {}
