/**
 * Measurements with JMH, each of one figure of the design's speed table. They are never tests:
 * nothing here fails because a machine is slow. {@code benchmarks/run} builds and starts them;
 * figures and how to read them are in {@code benchmarks/README.md}.
 */
@NullMarked
package dev.cocovisor.bench;

import org.jspecify.annotations.NullMarked;
