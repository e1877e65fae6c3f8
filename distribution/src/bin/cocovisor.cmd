@echo off
rem The installed cocovisor command.
setlocal enabledelayedexpansion
set "HOME_DIR=%~dp0.."
set "JAVA_EXE=java"
if exist "%JAVA_HOME%\bin\java.exe" set "JAVA_EXE=%JAVA_HOME%\bin\java.exe"
if exist "%HOME_DIR%\runtime\bin\java.exe" set "JAVA_EXE=%HOME_DIR%\runtime\bin\java.exe"
if not "%COCOVISOR_JAVA%"=="" set "JAVA_EXE=%COCOVISOR_JAVA%"
"%JAVA_EXE%" -XX:+UseSerialGC -Dguice_bytecode_gen_option=DISABLED "-Dcocovisor.root=%HOME_DIR%" %COCOVISOR_OPTS% -cp "%HOME_DIR%\lib\*" dev.cocovisor.cli.Main %*
exit /b %ERRORLEVEL%
