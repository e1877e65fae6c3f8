/**
 * One scenario on several technologies: what each answered, what is left afterwards, what it cost,
 * and by which rules of their own they part. Nothing here knows a technology; each states its rules
 * itself.
 */
@NullMarked
package dev.cocovisor.script.compare;

import org.jspecify.annotations.NullMarked;
