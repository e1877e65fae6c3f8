/**
 * The document of a run: its steps, and what each of them changed in the tables. States are kept as
 * ranges and as changes from step to step, so that a long run on a large guest stays small.
 */
@NullMarked
package dev.cocovisor.report.model;

import org.jspecify.annotations.NullMarked;
