package dev.cocovisor.api.log;

import org.apiguardian.api.API;

/**
 * One recorded answer that the model did not give.
 *
 * @param log the log's name
 * @param line the 1-based line number
 * @param program the program's number
 * @param call the call as written, without its result
 * @param expected what the log says
 * @param got what the model answered
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record Mismatch(
    String log, int line, int program, String call, String expected, String got) {}
