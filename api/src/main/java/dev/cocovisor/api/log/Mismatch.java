package dev.cocovisor.api.log;

/**
 * One recorded answer that the model did not give.
 *
 * @param log the log's name
 * @param line the 1-based line number
 * @param program the program's number
 * @param call the call as written, without its result
 * @param expected what the log says
 * @param got what the model answered
 */
public record Mismatch(
    String log, int line, int program, String call, String expected, String got) {}
