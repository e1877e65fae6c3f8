/**
 * The commands about technologies: which there are, how plugins come and go, whether they keep the
 * rules of the kit, and how a new one begins.
 */
@NullMarked
package dev.cocovisor.cli.plugin;

import org.jspecify.annotations.NullMarked;
