/**
 * Launch measurements of firmware images. Each technology offers one {@link
 * dev.cocovisor.api.measure.LaunchMeasurer}, given by a backend; the command line passes options
 * and prints steps, and reads vector files on its behalf. What two technologies share, the GUIDed
 * table at the end of a firmware image, is here too, so that no backend needs another.
 */
@NullMarked
package dev.cocovisor.api.measure;

import org.jspecify.annotations.NullMarked;
