/**
 * Replays of recorded logs: programs run one by one, every answer compared, and the silence of page
 * counters too. Nothing is expected that a log does not say.
 */
@NullMarked
package dev.cocovisor.script.replay;

import org.jspecify.annotations.NullMarked;
