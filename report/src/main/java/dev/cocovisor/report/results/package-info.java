/**
 * Verdicts as the files that build servers and kernel developers read: KTAP and JUnit XML. A case
 * is whatever a command judges: a step, a program, a schedule, a rule.
 */
@NullMarked
package dev.cocovisor.report.results;

import org.jspecify.annotations.NullMarked;
