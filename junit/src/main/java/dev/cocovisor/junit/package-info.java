/**
 * A JUnit 5 extension for those who test with confidential guests. A parameter annotated with
 * {@link dev.cocovisor.junit.CocoVm} is a guest that runs; after each test the model's invariants
 * are checked. A test that fails prints the calls it made as a log that replays.
 */
@NullMarked
package dev.cocovisor.junit;

import org.jspecify.annotations.NullMarked;
