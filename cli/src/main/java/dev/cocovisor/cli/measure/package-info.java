/**
 * The command that computes launch measurements, explains and compares them, and checks vectors.
 * The measurements themselves are the technologies'.
 */
@NullMarked
package dev.cocovisor.cli.measure;

import org.jspecify.annotations.NullMarked;
