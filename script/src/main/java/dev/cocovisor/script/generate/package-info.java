/**
 * Random programs, named by a seed and made by running them on the model. Every sequence of choices
 * is a program, so that one that fails can be shortened.
 */
@NullMarked
package dev.cocovisor.script.generate;

import org.jspecify.annotations.NullMarked;
